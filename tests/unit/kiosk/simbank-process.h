/* The real pickup-simbank ($SIMBANK) in a folder of its own. */
#pragma once

#include <sys/types.h>

#define SIMBANK_DOORS 4

struct simbank_process {
    char folder[256], socket[300];
    pid_t pid; /* 0 = not running */
};

/* Makes the folder; nothing runs yet. */
void simbank_process_init(struct simbank_process *process);
void simbank_process_start(struct simbank_process *process);
/* Ends it by `signal`, if it runs. */
void simbank_process_end(struct simbank_process *process, int signal);
void simbank_process_done(struct simbank_process *process);
/* One command; it must succeed. Its answer goes to `ret_text` unless that is NULL. */
void simbank_process_do(struct simbank_process *process, const char *command, char *ret_text,
                        int size);
/* It has seen nothing that no kiosk may do. */
void simbank_process_assert_no_violations(struct simbank_process *process);
