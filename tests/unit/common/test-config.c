#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/config.h"
#include "common/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct settings {
    char *bank, *ca_file;
    int64_t port, poll_ms, mailbox_bytes;
    bool buzzer;
    int lock;
    int64_t door_pulse_ms[10];
};

static const char *const locks[] = {"gpiod", "sim", NULL};

static const struct config_item items[] = {
    {"bank", "name", CONFIG_STRING, offsetof(struct settings, bank), .pattern = "^[a-z0-9-]{1,32}$",
     .remedy = "Write the bank's name as HQ knows it."},
    {"bank", "buzzer", CONFIG_BOOLEAN, offsetof(struct settings, buzzer), "yes"},
    {"bank", "lock", CONFIG_CHOICE, offsetof(struct settings, lock), "sim", .choices = locks},
    {"mqtt", "port", CONFIG_INTEGER, offsetof(struct settings, port), "8883", 1, 65535},
    {"mqtt", "poll", CONFIG_DURATION, offsetof(struct settings, poll_ms), "5min", 1000, 86400000},
    {"mqtt", "mailbox_bytes", CONFIG_SIZE, offsetof(struct settings, mailbox_bytes), "1M", 4096,
     1 << 30},
    {"mqtt", "ca_file", CONFIG_STRING, offsetof(struct settings, ca_file), ""},
};

struct place {
    char folder[64], file[96], drop_ins[112];
    struct settings settings;
    struct config_mistakes mistakes;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place)
        return -1;
    strcpy(place->folder, "/tmp/test-config-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->file, sizeof(place->file), "%s/bank.conf", place->folder);
    snprintf(place->drop_ins, sizeof(place->drop_ins), "%s.d", place->file);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[160];

    config_mistakes_done(&place->mistakes);
    config_free(items, ELEMENTSOF(items), &place->settings);
    snprintf(command, sizeof(command), "rm -r '%s'", place->folder);
    if (system(command) != 0)
        return -1;
    free(place);
    return 0;
}

static void write_file(const char *path, const void *content, size_t n)
{
    FILE *stream = fopen(path, "we");

    assert_non_null(stream);
    assert_int_equal(fwrite(content, 1, n, stream), n);
    fclose(stream);
}

static int load(struct place *place, const char *content)
{
    write_file(place->file, content, strlen(content));
    config_mistakes_done(&place->mistakes);
    config_free(items, ELEMENTSOF(items), &place->settings);
    return config_load(place->file, items, ELEMENTSOF(items), &place->settings, NULL,
                       &place->mistakes);
}

/* Exactly one mistake, at `line`, with these words in it. */
static void one_mistake(struct place *place, const char *content, unsigned line, const char *words)
{
    assert_int_equal(load(place, content), -EINVAL);
    if (place->mistakes.n != 1 || place->mistakes.items[0].line != line ||
        !strstr(place->mistakes.items[0].text, words))
        fail_msg("%zu mistakes for %s; first: line %u: %s", place->mistakes.n, content,
                 place->mistakes.items[0].line, place->mistakes.items[0].text);
    assert_string_equal(place->mistakes.items[0].file, place->file);
}

static void test_defaults(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "[bank]\nname=hk-canton-1\n"), 0);
    assert_int_equal(place->mistakes.n, 0);
    assert_string_equal(place->settings.bank, "hk-canton-1");
    assert_string_equal(place->settings.ca_file, "");
    assert_int_equal(place->settings.port, 8883);
    assert_int_equal(place->settings.poll_ms, 300000);
    assert_int_equal(place->settings.mailbox_bytes, 1 << 20);
    assert_true(place->settings.buzzer);
    assert_int_equal(place->settings.lock, 1);
}

static void test_every_type(void **state)
{
    struct place *place = *state;

    assert_int_equal(load(place, "\xEF\xBB\xBF# a comment\r\n[bank]\r\n  name = a-1 ; why not\r\n"
                                 "buzzer=Off\nlock= gpiod\n\n[mqtt] # broker\nport=1\n"
                                 "\tpoll = 1h 30min\nmailbox_bytes=64K\nca_file=/etc/x y.pem"),
                     0);
    assert_string_equal(place->settings.bank, "a-1");
    assert_false(place->settings.buzzer);
    assert_int_equal(place->settings.lock, 0);
    assert_int_equal(place->settings.port, 1);
    assert_int_equal(place->settings.poll_ms, 5400000);
    assert_int_equal(place->settings.mailbox_bytes, 65536);
    assert_string_equal(place->settings.ca_file, "/etc/x y.pem");
}

static void test_each_mistake(void **state)
{
    struct place *place = *state;
    char overlong[400] = "[bank]\nname=a\n[mqtt]\nca_file=/", overlong_section[400];

    memset(overlong + strlen(overlong), 'x', 300);
    memset(overlong_section, 'x', sizeof(overlong_section));
    memcpy(overlong_section, "[bank]\nname=a\n[", 15);
    strcpy(overlong_section + 80, "]\nport=1\n");

    one_mistake(place, "[bank]\n", 0, "name is missing in [bank]. Write the bank's name");
    one_mistake(place, "[bank]\nname=A_B\n", 2, "does not have the form");
    one_mistake(place, "[bank]\nname=a\nbuzzer=maybe\n", 3, "buzzer = maybe in [bank] is not yes");
    one_mistake(place, "[bank]\nname=a\nlock=sin\n", 3, "must be one of gpiod, sim; did you mean");
    one_mistake(place, "[bank]\nname=a\nlock=zzz\n", 3, "must be one of gpiod, sim.");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\nport=0\n", 4, "between 1 and 65535. Write a whole");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\nport=88 83\n", 4, "is not a whole number");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\nport=\n", 4, "is empty");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\npoll=2d\n", 4, "between 1s and 1d");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\npoll=5 apples\n", 4, "is not a duration");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\nmailbox_bytes=1\n", 4, "between 4K and 1G");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\nmailbox_bytes=1X\n", 4, "is not a size");
    one_mistake(place, "[bank]\nname=a\n[mqtt]\nprot=1\n", 4, "Did you mean 'port'?");
    one_mistake(place, "[bank]\nname=a\nport=1\n", 3, "It belongs in [mqtt].");
    one_mistake(place, "[bank]\nname=a\nxyzzy=1\n", 3, "Known there: name, buzzer, lock.");
    one_mistake(place, "[bank]\nname=a\n\n[mqt]\nport=1\npoll=1s\n", 4, "Did you mean [mqtt]?");
    one_mistake(place, "[bank]\nname=a\n[x]\nport=1\n", 3, "Known sections: bank, mqtt.");
    one_mistake(place, "port=1\n[bank]\nname=a\n", 1, "Write [mqtt] above it.");
    one_mistake(place, "[bank]\nname=a\nnonsense\n", 3, "neither a [section] nor 'key = value'");
    one_mistake(place, "[bank]\nname=a\n=1\n", 3, "neither a [section] nor 'key = value'");
    one_mistake(place, "[bank]\nname=a\n[mqtt\nport=1\n", 3, "no closing ']'");
    one_mistake(place, "[bank]\nname=a\n[mqtt] port=1\npoll=1s\n", 3, "text behind");
    one_mistake(place, "[bank]\nname=a\nbuzzer=yes # always\n", 3, "comment needs a line of its");
    one_mistake(place, overlong, 4, "longer than");
    one_mistake(place, overlong_section, 3, "section name is longer");
}

/* Several at once, in one go, and what could be read is there. */
static void test_all_mistakes_at_once(void **state)
{
    struct place *place = *state;
    static const char content[] = "[bank]\nname=HQ\nbuzer=no\n[mqtt]\nport=70000\njunk\npoll=10s\n";

    assert_int_equal(load(place, content), -EINVAL);
    assert_int_equal(place->mistakes.n, 4);
    assert_int_equal(place->mistakes.items[0].line, 2);
    assert_int_equal(place->mistakes.items[1].line, 3);
    assert_int_equal(place->mistakes.items[2].line, 5);
    assert_int_equal(place->mistakes.items[3].line, 6);
    assert_int_equal(place->settings.poll_ms, 10000);
    assert_int_equal(place->settings.port, 8883);
}

static void test_unreadable_file(void **state)
{
    struct place *place = *state;

    assert_int_equal(config_load("/nonexistent/bank.conf", items, ELEMENTSOF(items),
                                 &place->settings, NULL, &place->mistakes),
                     -EINVAL);
    assert_int_equal(place->mistakes.items[0].line, 0);
    assert_non_null(strstr(place->mistakes.items[0].text, "No such file"));
    assert_string_equal(place->settings.bank, "");
    config_mistakes_done(&place->mistakes);
    config_free(items, ELEMENTSOF(items), &place->settings);
    assert_int_equal(config_load(place->folder, items, ELEMENTSOF(items), &place->settings, NULL,
                                 &place->mistakes),
                     -EINVAL);
    assert_non_null(strstr(place->mistakes.items[0].text, "directory"));
}

static void test_drop_ins(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *name, *content;
    } drop_ins[] = {
        {"20-last.conf", "[mqtt]\nport=20\n"},
        {"10-first.conf", "[mqtt]\nport=10\npoll=10s\n[bank]\nname=dropped\n"},
        {".hidden.conf", "[mqtt]\nport=30\n"},
        {"30-other.txt", "[mqtt]\nport=40\n"},
    };
    char path[200];

    assert_int_equal(mkdir(place->drop_ins, 0700), 0);
    for (size_t i = 0; i < ELEMENTSOF(drop_ins); i++) {
        snprintf(path, sizeof(path), "%s/%s", place->drop_ins, drop_ins[i].name);
        write_file(path, drop_ins[i].content, strlen(drop_ins[i].content));
    }
    assert_int_equal(load(place, "[mqtt]\nport=5\n"), 0);
    assert_int_equal(place->settings.port, 20);
    assert_int_equal(place->settings.poll_ms, 10000);
    assert_string_equal(place->settings.bank, "dropped");

    snprintf(path, sizeof(path), "%s/99-bad.conf", place->drop_ins);
    write_file(path, "[mqtt]\n\nport=x\n", 15);
    assert_int_equal(load(place, "[mqtt]\nport=5\n"), -EINVAL);
    assert_int_equal(place->mistakes.n, 1);
    assert_string_equal(place->mistakes.items[0].file, path);
    assert_int_equal(place->mistakes.items[0].line, 3);
}

static int take_door(void *target, const char *section, const char *key, const char *value,
                     const char *file, unsigned line, struct config_mistakes *mistakes)
{
    struct settings *settings = target;
    unsigned door;

    if (sscanf(section, "door %u", &door) != 1)
        return 0;
    if (door > 9 || strcmp(key, "pulse") != 0 ||
        config_parse_duration_ms(value, &settings->door_pulse_ms[door]) < 0)
        return config_mistake_add(mistakes, file, line, "door %u: bad %s", door, key);
    return 1;
}

static void test_section_function(void **state)
{
    struct place *place = *state;
    static const char content[] =
        "[bank]\nname=a\n[door 3]\npulse=200ms\n[door 4]\nsize=M\n[dor 5]\npulse=1s\n";

    write_file(place->file, content, strlen(content));
    assert_int_equal(config_load(place->file, items, ELEMENTSOF(items), &place->settings, take_door,
                                 &place->mistakes),
                     -EINVAL);
    assert_int_equal(place->settings.door_pulse_ms[3], 200);
    assert_int_equal(place->mistakes.n, 2);
    assert_int_equal(place->mistakes.items[0].line, 6);
    assert_string_equal(place->mistakes.items[0].text, "door 4: bad size");
    assert_int_equal(place->mistakes.items[1].line, 7);
}

static void test_printed_in_order(void **state)
{
    struct config_mistakes mistakes = {0};
    int fds[2], saved = dup(STDERR_FILENO);
    char text[512];
    ssize_t n;

    config_mistake_add(&mistakes, "b.conf", 2, "second");
    config_mistake_add(&mistakes, "b.conf", 2, "same \x1B[2Jline");
    config_mistake_add(&mistakes, "b.conf", 0, "whole file");
    config_mistake_add(&mistakes, "a.conf", 10, "first");
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    config_mistakes_print(&mistakes);
    dup2(saved, STDERR_FILENO);
    close(fds[1]);
    n = read(fds[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "a.conf:10: first\nb.conf: whole file\nb.conf:2: second\n"
                              "b.conf:2: same ?[2Jline\n");
    close(fds[0]);
    close(saved);
    config_mistakes_done(&mistakes);
}

static void test_values(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1 = refused */
    } durations[] = {
        {"0", 0},
        {"10", 10000},
        {"500ms", 500},
        {"10s", 10000},
        {"5min", 300000},
        {"3d", 259200000},
        {"2 h", 7200000},
        {"1s 5ms", 1005},
        {"", -1},
        {"-1s", -1},
        {"1m", -1},
        {"s", -1},
        {"1.5s", -1},
        {"1 2", -1},
        {"9223372036854775807s", -1},
        {"99999999999999999999", -1},
        {"10s 9", -1},
        {" 1s", -1},
    };
    static const char *const no_integers[] = {"",   "-",    "+1",  " 1",
                                              "1 ", "0x10", "1e3", "9223372036854775808"};
    int64_t value;
    bool yes;

    for (size_t i = 0; i < ELEMENTSOF(durations); i++) {
        int r = config_parse_duration_ms(durations[i].text, &value);

        if (r < 0 ? durations[i].ms != -1 : value != durations[i].ms)
            fail_msg("duration '%s'", durations[i].text);
    }
    for (size_t i = 0; i < ELEMENTSOF(no_integers); i++)
        assert_int_equal(config_parse_integer(no_integers[i], &value), -EINVAL);
    assert_int_equal(config_parse_integer("-9223372036854775808", &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(config_parse_boolean("TRUE", &yes), 0);
    assert_true(yes);
    assert_int_equal(config_parse_boolean("0", &yes), 0);
    assert_false(yes);
    assert_int_equal(config_parse_boolean("", &yes), -EINVAL);
}

static void test_nearest_word(void **state)
{
    static const char *const words[] = {"broker_host", "port", NULL, "poll", "id"};

    assert_string_equal(nearest_word("broker-host", words, 5), "broker_host");
    assert_string_equal(nearest_word("BrokerHost", words, 5), "broker_host");
    assert_string_equal(nearest_word("prot", words, 5), "port");
    assert_string_equal(nearest_word("pol", words, 5), "poll");
    assert_null(nearest_word("xx", words, 5)); /* everything is near to a two-letter word */
    assert_null(nearest_word("certificate", words, 5));
    assert_null(nearest_word("", words, 5));
}

/* Any bytes: no crash, and every refusal names a line that exists. */
static void test_random_bytes(void **state)
{
    static const char *const pieces[] = {"[bank]", "[",    "]",          "\n",        "name=a",
                                         "port",   "=",    " ",          "#",         ";",
                                         "\xFF",   "\r\n", "[door 1]\n", "poll=1s\n", ":"};
    struct place *place = *state;
    uint32_t random = 4242;
    char content[2048];

    for (int round = 0; round < 1500; round++) {
        size_t n = 0;
        unsigned lines = 1;

        while (n < sizeof(content) - 16) {
            random = random * 1664525 + 1013904223;
            if (random >> 28 == 0)
                break;
            if (random >> 26 & 1) {
                content[n++] = (char)(random >> 16);
            } else {
                const char *piece = pieces[(random >> 16) % ELEMENTSOF(pieces)];

                memcpy(content + n, piece, strlen(piece));
                n += strlen(piece);
            }
        }
        for (size_t i = 0; i < n; i++)
            lines += content[i] == '\n';
        write_file(place->file, content, n);
        config_mistakes_done(&place->mistakes);
        config_free(items, ELEMENTSOF(items), &place->settings);
        assert_int_not_equal(config_load(place->file, items, ELEMENTSOF(items), &place->settings,
                                         NULL, &place->mistakes),
                             -ENOMEM);
        for (size_t i = 0; i < place->mistakes.n; i++)
            assert_true(place->mistakes.items[i].line <= lines);
    }
}

#define place_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(test_defaults),         place_test(test_every_type),
        place_test(test_each_mistake),     place_test(test_all_mistakes_at_once),
        place_test(test_unreadable_file),  place_test(test_drop_ins),
        place_test(test_section_function), cmocka_unit_test(test_printed_in_order),
        cmocka_unit_test(test_values),     cmocka_unit_test(test_nearest_word),
        place_test(test_random_bytes),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
