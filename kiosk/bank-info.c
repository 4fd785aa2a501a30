#include "kiosk/bank-info.h"

#include <stdio.h>
#include <string.h>

#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, 's', offsetof(struct bank_info, name), sizeof(((struct bank_info *)0)->name)        \
    }
#define NUMBER(name)                                                                               \
    {                                                                                              \
#name, 'u', offsetof(struct bank_info, name), 0                                            \
    }

static const struct member {
    const char *name;
    char type;
    size_t offset, size;
} members[] = {
    TEXT(kind),
    TEXT(order),
    TEXT(display),
    TEXT(lang),
    TEXT(parcel),
    TEXT(role),
    TEXT(bank),
    TEXT(reason),
    NUMBER(door),
    NUMBER(index),
    NUMBER(of),
    NUMBER(opened),
    NUMBER(failed),
    NUMBER(staff),
    NUMBER(stocked),
    {"branch", 'q', offsetof(struct bank_info, branch), 0},
    {"at", 'x', offsetof(struct bank_info, at_ms), 0},
    {"wait_ms", 'x', offsetof(struct bank_info, wait_ms), 0},
};

static const struct member *find(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(members); i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

static int read_member(sd_bus_message *message, const struct member *member, struct bank_info *info)
{
    char *to = (char *)info + member->offset;
    const char type[] = {member->type, '\0'};
    const char *text;
    uint16_t small;
    int r;

    switch (member->type) {
    case 's':
        r = sd_bus_message_read(message, "v", type, &text);
        if (r >= 0)
            snprintf(to, member->size, "%s", text);
        return r;
    case 'q':
        r = sd_bus_message_read(message, "v", type, &small);
        if (r >= 0)
            *(uint32_t *)(void *)to = small;
        return r;
    default:
        return sd_bus_message_read(message, "v", type, to);
    }
}

int bank_info_read(sd_bus_message *message, struct bank_info *ret_info)
{
    struct bank_info info = {};
    const char *name;
    int r = sd_bus_message_enter_container(message, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        r = sd_bus_message_read(message, "s", &name);
        if (r >= 0) {
            const struct member *member = find(name);

            r = member ? read_member(message, member, &info) : sd_bus_message_skip(message, "v");
        }
        if (r >= 0)
            r = sd_bus_message_exit_container(message);
    }
    if (r >= 0)
        r = sd_bus_message_exit_container(message);
    if (r >= 0)
        *ret_info = info;
    return r < 0 ? r : 0;
}
