#include "kiosk/simbank/client.h"

#include "common/log.h"
#include "kiosk/simbank/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define EXIT_NO_BANK 2

/* NULL after having said why. */
static FILE *connect_bank(const char *path)
{
    int fd = simbank_connect(path);
    FILE *bank;

    if (fd < 0) {
        log_error("No simulated bank listens on %s (%s). Start pickup-simbank --doors=N "
                  "--socket=%s.",
                  path, strerror(-fd), path);
        return NULL;
    }
    /* A person waits here. */
    if (fcntl(fd, F_SETFL, 0) < 0 || !(bank = fdopen(fd, "r+"))) {
        log_errno(-errno, "Cannot talk to %s", path);
        close(fd);
        return NULL;
    }
    return bank;
}

/* Sends a line and prints its answer. */
static int ask(FILE *bank, const char *command)
{
    _cleanup_free_ char *line = NULL;
    size_t size = 0;

    if (fprintf(bank, "%s\n", command) < 0 || fflush(bank) != 0)
        goto lost;
    while (getline(&line, &size, bank) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "ok") == 0)
            return EXIT_SUCCESS;
        if (strncmp(line, "error ", 6) == 0) {
            log_error("%s", line + 6);
            return EXIT_FAILURE;
        }
        puts(line);
    }
lost:
    log_error("The simulated bank has ended.");
    return EXIT_NO_BANK;
}

int simbank_client_do(const char *path, const char *command)
{
    FILE *bank;
    int status;

    if (strchr(command, '\n')) {
        log_error("Write one command.");
        return EXIT_FAILURE;
    }
    bank = connect_bank(path);
    if (!bank)
        return EXIT_NO_BANK;
    status = ask(bank, command);
    fclose(bank);
    return status;
}

int simbank_client_shell(const char *path)
{
    _cleanup_free_ char *line = NULL;
    bool terminal = isatty(STDIN_FILENO);
    FILE *bank = connect_bank(path);
    int status = EXIT_SUCCESS;
    size_t size = 0;

    if (!bank)
        return EXIT_NO_BANK;
    if (terminal)
        puts("A simulated bank. Write help for the commands, quit to leave.");
    while (status != EXIT_NO_BANK) {
        int answer;

        if (terminal)
            fputs("simbank> ", stdout);
        fflush(stdout);
        if (getline(&line, &size, stdin) < 0)
            break;
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "quit") == 0 || strcmp(line, "exit") == 0)
            break;
        answer = ask(bank, line);
        if (answer != EXIT_SUCCESS)
            status = answer;
    }
    fclose(bank);
    return status;
}
