#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "simbank-process.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void simbank_process_init(struct simbank_process *process)
{
    *process = (struct simbank_process){.folder = "/tmp/test-simbank-XXXXXX"};
    assert_non_null(mkdtemp(process->folder));
    snprintf(process->socket, sizeof(process->socket), "%s/bank.socket", process->folder);
}

void simbank_process_start(struct simbank_process *process)
{
    char socket[320], doors[32];
    char *words[] = {(char *)"pickup-simbank", doors, socket, NULL};

    snprintf(doors, sizeof(doors), "--doors=%d", SIMBANK_DOORS);
    snprintf(socket, sizeof(socket), "--socket=%s", process->socket);
    assert_int_equal(posix_spawn(&process->pid, getenv("SIMBANK"), NULL, NULL, words, environ), 0);
    for (int i = 0; access(process->socket, F_OK) < 0; i++) {
        assert_true(i < 30000);
        usleep(1000);
    }
}

void simbank_process_end(struct simbank_process *process, int signal)
{
    if (process->pid <= 0)
        return;
    kill(process->pid, signal);
    waitpid(process->pid, NULL, 0);
    unlink(process->socket);
    process->pid = 0;
}

void simbank_process_done(struct simbank_process *process)
{
    simbank_process_end(process, SIGTERM);
    rmdir(process->folder);
}

void simbank_process_do(struct simbank_process *process, const char *command, char *ret_text,
                        int size)
{
    char line[512], text[512];
    FILE *stream;
    size_t n;

    snprintf(line, sizeof(line), "'%s' --socket='%s' do '%s'", getenv("SIMBANK"), process->socket,
             command);
    stream = popen(line, "re");
    assert_non_null(stream);
    n = fread(text, 1, sizeof(text) - 1, stream);
    text[n] = '\0';
    assert_int_equal(pclose(stream), 0);
    if (ret_text)
        snprintf(ret_text, (size_t)size, "%s", text);
}

void simbank_process_assert_no_violations(struct simbank_process *process)
{
    char text[512];

    simbank_process_do(process, "violations", text, sizeof(text));
    assert_string_equal(text, "[]\n");
}
