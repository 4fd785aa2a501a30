#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hq/import-columns.h"

#include <errno.h>
#include <string.h>

static int read_header(const char *const *cells, struct import_columns *columns, char **ret_problem)
{
    size_t n = 0;

    while (cells[n])
        n++;
    *columns = (struct import_columns){0};
    return import_columns_read(columns, (char *const *)cells, n, ret_problem);
}

static void test_header(void **state)
{
    static const char *const header[] = {"name:zh-Hans", "qty",    "sku",   "size",
                                         "parcel",       "branch", "order", NULL};
    static char *const cells[] = {"香水", "2", "A", "S", "P-1", "b", "O-1"};
    struct import_columns columns;
    char *problem = NULL;

    assert_int_equal(read_header(header, &columns, &problem), 0);
    assert_int_equal(columns.order, 6);
    assert_string_equal(import_columns_cell(&columns, cells, "parcel"), "P-1");
    assert_string_equal(import_columns_cell(&columns, cells, "barcode"), "");
    assert_string_equal(columns.list[0].member, "zh-Hans");
    import_columns_done(&columns);
}

static void test_bad_headers(void **state)
{
    static const struct {
        const char *cells[9], *words;
    } bad[] = {
        {{"order", "branch", "parcel", "size", "sku", NULL}, "lacks the column 'qty'"},
        {{"order", "branch", "parcel", "size", "sku", "qty", "order", NULL}, "'order' twice"},
        {{"ordr", NULL}, "Did you mean 'order'?"},
        {{"order", "weather", NULL}, "unknown column 'weather'"},
        {{"name:", NULL}, "unknown column 'name:'"},
        {{"name:en", "name:en", NULL}, "'name:en' twice"},
    };

    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        struct import_columns columns;
        _cleanup_free_ char *problem = NULL;

        assert_int_equal(read_header(bad[i].cells, &columns, &problem), -EBADMSG);
        if (!strstr(problem, bad[i].words))
            fail_msg("%s", problem);
        import_columns_done(&columns);
    }
}

static void test_cells(void **state)
{
    static const struct import_column time = {"slot_from", IMPORT_ORDER, IMPORT_TIME, "slot",
                                              "from"};
    static const struct import_column flag = {"id_check", IMPORT_ORDER, IMPORT_FLAG, NULL,
                                              "id_check"};
    json_auto_t *order = json_object();
    json_auto_t *expected =
        json_loads("{\"slot\":{\"from\":1790000000000},\"id_check\":true}", 0, NULL);
    struct draft_problem problem = {0};

    assert_int_equal(import_column_set(&time, "1790000000000", order, &problem), 0);
    assert_int_equal(import_column_set(&flag, "yes", order, &problem), 0);
    assert_int_equal(import_column_set(&flag, "true", order, &problem), 0); /* the same again */
    assert_true(json_equal(order, expected));
    assert_int_equal(import_column_set(&flag, "no", order, &problem), -EBADMSG);
    assert_string_equal(problem.member, "id_check");
    draft_problem_done(&problem);
    assert_int_equal(import_column_set(&flag, "YES", order, &problem), -EBADMSG);
    draft_problem_done(&problem);
    assert_true(json_equal(order, expected));
}

static void test_names(void **state)
{
    static const struct {
        const char *member, *column;
    } names[] = {
        {"branch", "branch"},
        {"slot.to", "slot_to"},
        {"departure.flight", "flight"},
        {"parcels", "parcels"},
        {"parcels[3].size", "size"},
        {"parcels[3].personalisation.text", "personalisation"},
        {"parcels[3].items[0].qty", "qty"},
        {"parcels[3].items[0].name.zh-Hans", "name:zh-Hans"},
        {"parcels[3].items[0].name", "name:LANG"},
    };

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        char column[64];

        import_columns_name(names[i].member, column, sizeof(column));
        assert_string_equal(column, names[i].column);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
