/* A real mosquitto for one test, on a free port of the loopback. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct broker {
    pid_t pid; /* 0 = not running */
    uint16_t port;
    char folder[64];
};

/* False when there is no mosquitto on this machine. */
bool broker_available(void);
/* Starts it with `settings` (lines of mosquitto.conf) behind the listener's. `%FOLDER%` in them is
 * replaced by the broker's folder. Waits until it answers. */
void broker_start(struct broker *broker, const char *settings);
/* Starts it again on the same port. */
void broker_restart(struct broker *broker);
/* As a power cut does. */
void broker_kill(struct broker *broker);
/* Kills it and removes its folder. */
void broker_done(struct broker *broker);

/* A port of the loopback that nobody listens on. */
uint16_t broker_free_port(void);
/* A listening socket that never accepts; `n_backlog` connections get through. */
int broker_mute_socket(uint16_t *ret_port, int n_backlog);
