/* Random UUIDs (RFC 9562, version 4): names of feeds and logs. */
#pragma once

#define UUID_LENGTH 36

/* 36 characters in lower case and a NUL. */
void uuid_make(char ret_text[UUID_LENGTH + 1]);
