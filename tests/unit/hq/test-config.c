#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hq/hq-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GOOD                                                                                       \
    "[broker]\nhost=mqtt.example\nca_file=ca.pem\n"                                                \
    "[branch hk-canton]\nnumber=852\nbanks=hk-canton-1, hk-canton-2\nretention=7d\n"               \
    "[branch hk-airport]\nnumber=853\nbanks=hk-airport-1\n"

static int load(const char *text, struct hq_config *ret_config,
                struct config_mistakes *ret_mistakes)
{
    char path[] = "/tmp/test-hq-config-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    r = hq_config_load(path, ret_config, ret_mistakes);
    unlink(path);
    return r;
}

static void test_good(void **state)
{
    struct config_mistakes mistakes;
    struct hq_config config;

    assert_int_equal(load(GOOD, &config, &mistakes), 0);
    assert_string_equal(config.host, "mqtt.example");
    assert_string_equal(config.ca_file, "/tmp/ca.pem"); /* relative to the file */
    assert_int_equal(config.port, 8883);
    assert_int_equal(config.n_branches, 2);
    assert_int_equal(config.branches[0].number, 852);
    assert_int_equal(config.branches[0].n_banks, 2);
    assert_int_equal(config.branches[0].retention_ms, 7 * 86400000LL);
    assert_ptr_equal(hq_config_branch_of(&config, "hk-airport-1"), &config.branches[1]);
    assert_null(hq_config_branch_of(&config, "hk-airport"));
    assert_ptr_equal(hq_config_branch(&config, "hk-canton"), &config.branches[0]);
    assert_string_equal(hq_config_nearest_branch(&config, "hk_cantn"), "hk-canton");
    assert_null(hq_config_nearest_branch(&config, "elsewhere"));
    config_mistakes_done(&mistakes);
    hq_config_done(&config);
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"[broker]\nhost=h\n", "There is no branch"},
        {"[broker]\nhost=h\n[branch a]\nnumber=1\n", "banks is missing in [branch a]"},
        {"[broker]\nhost=h\n[branch a]\nbanks=b\n", "number is missing in [branch a]"},
        {"[broker]\nhost=h\n[branch a]\nnumber=0\nbanks=b\n", "1 to 65535"},
        {"[broker]\nhost=h\n[branch A]\nnumber=1\nbanks=b\n", "'A' cannot be the name"},
        {"[broker]\nhost=h\n[branch a]\nnumber=1\nbanks=b_1\n", "'b_1' cannot be the name"},
        {"[broker]\nhost=h\n[branch a]\nnumber=1\nbanks=b\ncolour=red\n", "Unknown key 'colour'"},
        {"[broker]\nhost=h\n[branch a]\nnumber=1\nbanks=b\nretention=1h\n", "1d to 3650d"},
        {"[broker]\nhost=h\n[branch a]\nnumber=1\nbanks=b\n[branch c]\nnumber=1\nbanks=d\n",
         "both have number 1"},
        {"[broker]\nhost=h\n[branch a]\nnumber=1\nbanks=b\n[branch c]\nnumber=2\nbanks=b\n",
         "Bank b belongs to two branches"},
        {"[broker]\nhost=h\nbackoff_min=9s\nbackoff_max=1s\n[branch a]\nnumber=1\nbanks=b\n",
         "backoff_min is longer"},
        {"[broker]\nhost=h\ncertificate_file=c\n[branch a]\nnumber=1\nbanks=b\n",
         "needs key_file and ca_file"},
        {"[branch a]\nnumber=1\nbanks=b\n", "host is missing in [broker]"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        struct config_mistakes mistakes;
        struct hq_config config;
        bool found = false;

        assert_int_equal(load(bad[i].text, &config, &mistakes), -EINVAL);
        for (size_t k = 0; k < mistakes.n; k++)
            found |= strstr(mistakes.items[k].text, bad[i].words) != NULL;
        if (!found)
            fail_msg("%s: %s", bad[i].words, mistakes.items[0].text);
        config_mistakes_done(&mistakes);
        hq_config_done(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
