/* HQ's secrets, files in the state folder that pickup-hq init makes. */
#pragma once

#include "common/cleanup.h"

enum hq_key {
    KEY_FEED,   /* feed.seed signs what goes down to the banks; feed.pub is installed on each */
    KEY_CODE,   /* code.seed signs P1 codes */
    KEY_BADGE,  /* badge.seed signs S1 badges */
    KEY_NUMBER, /* number.key keys the digests of pickup numbers; also installed on each bank */
    KEY_COUNT,
};

#define KEY_BYTES    32
#define CODE_KEY_ID  1
#define BADGE_KEY_ID 1

/* Reads a key; returns as credential_load(). */
int key_load(const char *state, enum hq_key key, uint8_t ret_key[KEY_BYTES], char **ret_error);
/* Makes those that are missing, and feed.pub. *ret_error as above. */
int keys_make(const char *state, char **ret_error);
