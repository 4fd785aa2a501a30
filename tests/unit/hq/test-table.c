#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hq/table.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const char *const headings[] = {"ORDER", "CUSTOMER", "N", NULL};

static char *printed(unsigned width, const char *const *cells)
{
    _cleanup_(table_freep) struct table *table = NULL;
    char *text = NULL;
    size_t n;
    FILE *stream = open_memstream(&text, &n);

    assert_int_equal(table_new(headings, &table), 0);
    for (; *cells; cells++)
        assert_int_equal(table_add(table, *cells), 0);
    table_print(table, stream, width);
    fclose(stream);
    return text;
}

static void test_wide_characters(void **state)
{
    static const char *const cells[] = {"A-1", "欧阳*", "1", "A-22222", "Ann", "12", NULL};
    _cleanup_free_ char *text = printed(80, cells);

    assert_string_equal(text, "ORDER    CUSTOMER  N\n"
                              "A-1      欧阳*     1\n"
                              "A-22222  Ann       12\n");
}

static void test_cut_to_the_terminal(void **state)
{
    static const char *const cells[] = {"A-1", "a long name of a customer", "1", NULL};
    static const char *const wide[] = {"A-1", "欧阳欧阳欧阳欧阳", "1", NULL};
    _cleanup_free_ char *text = printed(22, cells), *cut = printed(20, wide);

    assert_string_equal(text, "ORDER  CUSTOMER      N\n"
                              "A-1    a long name…  1\n");
    assert_non_null(strstr(cut, "\nA-1    欧阳欧阳…   1\n"));
}

static void test_no_control_characters(void **state)
{
    static const char *const cells[] = {"A\033[2J", "x\ny", "1", NULL};
    _cleanup_free_ char *text = printed(80, cells);

    assert_non_null(strstr(text, "A?[2J"));
    assert_non_null(strstr(text, "x?y"));
    assert_null(strchr(text, '\033'));
}

static void test_empty(void **state)
{
    static const char *const none[] = {NULL};
    _cleanup_free_ char *text = printed(80, none);

    assert_string_equal(text, "ORDER  CUSTOMER  N\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wide_characters),
        cmocka_unit_test(test_cut_to_the_terminal),
        cmocka_unit_test(test_no_control_characters),
        cmocka_unit_test(test_empty),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
