#include "branches.h"

static char *canton[] = {(char[]){"hk-canton-1"}, (char[]){"hk-canton-2"}};
static char *airport[] = {(char[]){"hk-airport-1"}};
static struct hq_branch list[] = {
    {(char[]){"hk-canton"}, 852, canton, 2, 86400000},
    {(char[]){"hk-airport"}, 853, airport, 1, 86400000},
};

const struct hq_config branches = {.branches = list, .n_branches = 2};
