#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/credential.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEXADECIMAL "606162636465666768696A6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
#define BASE64      "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8="

struct folder {
    char path[64], file[96];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    if (!folder)
        return -1;
    strcpy(folder->path, "/tmp/test-credential-XXXXXX");
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->file, sizeof(folder->file), "%s/number-key", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    int r;

    unlink(folder->file);
    r = rmdir(folder->path); /* fails when something was left behind */
    free(folder);
    return r;
}

static void write_file(const char *path, const char *content, size_t n, mode_t mode)
{
    FILE *stream = fopen(path, "we");

    assert_non_null(stream);
    assert_int_equal(fwrite(content, 1, n, stream), n);
    fclose(stream);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_key(const uint8_t key[32])
{
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(key[i], 96 + i);
}

static void test_forms(void **state)
{
    static const char *const good[] = {
        HEXADECIMAL,
        HEXADECIMAL "\n",
        BASE64 "\n",
        "# number key of hk-canton\n\n  " BASE64 " \r\n# end\n",
    };
    struct folder *folder = *state;

    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        uint8_t key[32] = {0};
        char *error;

        write_file(folder->file, good[i], strlen(good[i]), 0600);
        assert_int_equal(credential_load(folder->file, true, key, 32, &error), 0);
        assert_null(error);
        assert_key(key);
    }
}

/* Each refusal names the file; the key is left alone. */
static void refused(const char *path, bool secret, int expected, const char *words)
{
    uint8_t key[32] = {0x55}, before[32] = {0x55};
    _cleanup_free_ char *error = NULL;

    assert_int_equal(credential_load(path, secret, key, 32, &error), expected);
    assert_non_null(error);
    assert_non_null(strstr(error, path));
    if (!strstr(error, words))
        fail_msg("%s", error);
    assert_memory_equal(key, before, 32);
}

static void test_bad_content(void **state)
{
    static const char *const bad[] = {
        "",
        "# only a comment\n",
        "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fg==", /* 31 bytes */
        BASE64 "\n" BASE64 "\n",                        /* which one? */
        BASE64 "x",
        "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8",  /* no padding */
        "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn9=", /* spare bits set */
        "g06162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f",
    };
    struct folder *folder = *state;
    char big[5000];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        write_file(folder->file, bad[i], strlen(bad[i]), 0600);
        refused(folder->file, true, -EBADMSG, "32 bytes");
    }
    write_file(folder->file, BASE64 "\0\n", strlen(BASE64) + 2, 0600);
    refused(folder->file, true, -EBADMSG, "binary");
    memset(big, 'A', sizeof(big));
    write_file(folder->file, big, sizeof(big), 0600);
    refused(folder->file, true, -EBADMSG, "too long");
}

static void test_mode(void **state)
{
    struct folder *folder = *state;
    uint8_t key[32];
    char *error;

    write_file(folder->file, BASE64, strlen(BASE64), 0604);
    refused(folder->file, true, -EPERM, "chmod o-rwx");
    assert_int_equal(credential_load(folder->file, false, key, 32, &error), 0); /* a public key */
    write_file(folder->file, BASE64, strlen(BASE64), 0640);
    assert_int_equal(credential_load(folder->file, true, key, 32, &error), 0);
}

static void test_where_it_is_looked_for(void **state)
{
    struct folder *folder = *state;
    uint8_t key[32];
    char *error;

    write_file(folder->file, BASE64, strlen(BASE64), 0600);
    unsetenv("CREDENTIALS_DIRECTORY");
    refused("number-key", true, -ENOENT, "LoadCredential=number-key:");
    setenv("CREDENTIALS_DIRECTORY", folder->path, 1);
    assert_int_equal(credential_load("number-key", true, key, 32, &error), 0);
    assert_key(key);
    refused("missing", true, -ENOENT, "No such file");
    refused("/nonexistent/key", true, -ENOENT, "No such file");
    refused(folder->path, false, -EISDIR, "cannot be read");
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* Only a bare name is a credential: a path with a slash is a path, also a relative one. */
static void test_relative_path(void **state)
{
    struct folder *folder = *state;
    _cleanup_free_ char *before = getcwd(NULL, 0);
    const char *name = strrchr(folder->path, '/') + 1;
    uint8_t key[32];
    char path[96], *error;

    write_file(folder->file, BASE64, strlen(BASE64), 0600);
    snprintf(path, sizeof(path), "%s/number-key", name);
    assert_int_equal(chdir("/tmp"), 0);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(credential_load(path, true, key, 32, &error), 0);
    assert_key(key);
    setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
    assert_int_equal(credential_load(path, true, key, 32, &error), 0);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(chdir(before), 0);
}

static void test_create(void **state)
{
    struct folder *folder = *state;
    uint8_t made[32] = {0}, loaded[32], other[32] = {0};
    struct stat st;
    char *error;

    assert_int_equal(credential_create(folder->file, made, 32), 0);
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(credential_load(folder->file, true, loaded, 32, &error), 0);
    assert_memory_equal(made, loaded, 32);
    assert_int_equal(credential_create(folder->file, other, 32), -EEXIST);
    assert_int_equal(other[0] | other[31], 0);
    assert_int_equal(credential_load(folder->file, true, loaded, 32, &error), 0);
    assert_memory_equal(made, loaded, 32);
    assert_int_equal(unlink(folder->file), 0);
    assert_int_equal(credential_create(folder->file, other, 32), 0);
    assert_memory_not_equal(made, other, 32);
    assert_int_equal(credential_create("/nonexistent/key", other, 32), -ENOENT);
}

#define folder_test(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(test_forms),
        folder_test(test_bad_content),
        folder_test(test_mode),
        folder_test(test_create),
        folder_test(test_where_it_is_looked_for),
        folder_test(test_relative_path),
    };

    return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
