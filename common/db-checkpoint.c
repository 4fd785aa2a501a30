#include "common/db-checkpoint.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>

struct db_checkpointer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool asked, running, stop; /* under the mutex */
    char *path;
    sqlite3 *handle; /* the thread's */
};

/* A connection that has read nothing does not know of the log yet. */
static bool open_database(struct db_checkpointer *checkpointer)
{
    if (checkpointer->handle)
        return true;
    if (sqlite3_open_v2(checkpointer->path, &checkpointer->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
        sqlite3_db_config(checkpointer->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0) ==
            SQLITE_OK &&
        sqlite3_exec(checkpointer->handle,
                     "PRAGMA synchronous = FULL; SELECT count(*) FROM sqlite_schema", NULL, NULL,
                     NULL) == SQLITE_OK)
        return true;
    sqlite3_close(checkpointer->handle);
    checkpointer->handle = NULL;
    return false;
}

/* A failure loses nothing: the log stays as it is and the next commit asks again. */
static void checkpoint(struct db_checkpointer *checkpointer)
{
    if (open_database(checkpointer))
        (void)sqlite3_wal_checkpoint_v2(checkpointer->handle, "main", SQLITE_CHECKPOINT_PASSIVE,
                                        NULL, NULL);
}

static void *run(void *userdata)
{
    struct db_checkpointer *checkpointer = userdata;

    pthread_mutex_lock(&checkpointer->mutex);
    while (!checkpointer->stop) {
        if (!checkpointer->asked) {
            pthread_cond_wait(&checkpointer->cond, &checkpointer->mutex);
            continue;
        }
        checkpointer->asked = false;
        checkpointer->running = true;
        pthread_mutex_unlock(&checkpointer->mutex);
        checkpoint(checkpointer);
        pthread_mutex_lock(&checkpointer->mutex);
        checkpointer->running = false;
    }
    pthread_mutex_unlock(&checkpointer->mutex);
    sqlite3_close(checkpointer->handle);
    return NULL;
}

static void release(struct db_checkpointer *checkpointer)
{
    pthread_cond_destroy(&checkpointer->cond);
    pthread_mutex_destroy(&checkpointer->mutex);
    free(checkpointer->path);
    free(checkpointer);
}

int db_checkpointer_new(const char *path, struct db_checkpointer **ret_checkpointer)
{
    struct db_checkpointer *checkpointer = calloc(1, sizeof(*checkpointer));
    sigset_t all, before;
    int r;

    if (!checkpointer || !(checkpointer->path = strdup(path))) {
        free(checkpointer);
        return -ENOMEM;
    }
    pthread_mutex_init(&checkpointer->mutex, NULL);
    pthread_cond_init(&checkpointer->cond, NULL);
    sigfillset(&all); /* no signal of the process is ever handled here */
    r = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (r == 0) {
        r = pthread_create(&checkpointer->thread, NULL, run, checkpointer);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (r != 0) {
        release(checkpointer);
        return -r;
    }
    pthread_setname_np(checkpointer->thread, "checkpoint");
    *ret_checkpointer = checkpointer;
    return 0;
}

struct db_checkpointer *db_checkpointer_free(struct db_checkpointer *checkpointer)
{
    if (!checkpointer)
        return NULL;
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->stop = true;
    pthread_cond_signal(&checkpointer->cond);
    pthread_mutex_unlock(&checkpointer->mutex);
    pthread_join(checkpointer->thread, NULL);
    release(checkpointer);
    return NULL;
}

void db_checkpointer_ask(struct db_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->asked = true;
    pthread_cond_signal(&checkpointer->cond);
    pthread_mutex_unlock(&checkpointer->mutex);
}

bool db_checkpointer_busy(struct db_checkpointer *checkpointer)
{
    bool busy;

    pthread_mutex_lock(&checkpointer->mutex);
    busy = checkpointer->asked || checkpointer->running;
    pthread_mutex_unlock(&checkpointer->mutex);
    return busy;
}
