/* What SQLite does not say about a write-ahead log: whether recovery will pass over commits. */
#pragma once

/* Reads the log `path` ("…-wal", https://sqlite.org/fileformat2.html#walformat) before SQLite does.
 * SQLite ends recovery at the first frame whose checksum is wrong and takes what follows for the
 * torn end of a transaction that was never committed. With synchronous=FULL a power cut can tear
 * only the last transaction, so two commits in a row behind a wrong frame mean that durable ones
 * were damaged. Returns 0 = nothing speaks against it, or there is no log; -EUCLEAN = commits
 * would be lost; else -errno. Call it only while nobody has the database open. */
int db_wal_check(const char *path);
