/* What the screen shows, from what the daemon told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kiosk/show.h"

#include <string.h>

static struct show make_show(void)
{
    return (struct show){.language = "ja", .attached = true};
}

static struct screen_state shown(const struct show *show)
{
    struct screen_state state;

    show_state(show, &state);
    return state;
}

static void test_what_comes_first(void **state)
{
    struct show show = make_show();

    assert_int_equal(shown(&show).kind, SCREEN_ATTRACT);
    assert_string_equal(shown(&show).language, "ja");
    show.session = (struct bank_session){.number = 7, .state = "take"};
    assert_int_equal(shown(&show).kind, SCREEN_TAKE);
    strcpy(show.refusal.outcome, "expired");
    assert_int_equal(shown(&show).kind, SCREEN_REFUSED);
    assert_string_equal(shown(&show).outcome, "expired");
    show.attached = false;
    assert_int_equal(shown(&show).kind, SCREEN_WAIT);
    show.broken = "camera";
    assert_int_equal(shown(&show).kind, SCREEN_OUT_OF_SERVICE);
    assert_string_equal(shown(&show).text, "camera");
}

static void test_every_state_of_a_session(void **state)
{
    static const struct {
        const char *state;
        enum screen_kind kind;
    } cases[] = {
        {"opening", SCREEN_OPENING},
        {"take", SCREEN_TAKE},
        {"left_open", SCREEN_CLOSE},
        {"not_opened", SCREEN_NOT_OPENED},
        {"collected", SCREEN_COLLECTED},
        {"failed", SCREEN_FAILED},
        {"staff", SCREEN_STAFF},
        {"stock_opening", SCREEN_STOCK_OPENING},
        {"stock_place", SCREEN_STOCK_PLACE},
        {"stock_confirm", SCREEN_STOCK_CONFIRM},
        {"retrieve_opening", SCREEN_RETRIEVE_OPENING},
        {"retrieve_take", SCREEN_RETRIEVE_TAKE},
        {"inspect_opening", SCREEN_INSPECT_OPENING},
        {"inspect_open", SCREEN_INSPECT_OPEN},
        {"idle", SCREEN_ATTRACT},
        {"of a newer daemon", SCREEN_ATTRACT},
    };
    struct show show = make_show();

    show.session.number = 1;
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        strcpy(show.session.state, cases[i].state);
        assert_int_equal(shown(&show).kind, cases[i].kind);
    }
}

static void test_the_customers_language_and_what_is_told(void **state)
{
    struct show show = make_show();

    show.session = (struct bank_session){
        .number = 1,
        .state = "opening",
        .info = {.lang = "ko", .display = "김*", .order = "HK-1", .door = 5, .index = 1, .of = 2}};
    assert_string_equal(shown(&show).language, "ko");
    assert_string_equal(shown(&show).display, "김*");
    assert_int_equal(shown(&show).door, 5);
    assert_int_equal(shown(&show).of, 2);
    show.refusal = (struct bank_answer){.outcome = "other_bank", .info = {.bank = "B"}};
    assert_string_equal(shown(&show).text, "B");
    assert_string_equal(shown(&show).language, "ja");
    assert_int_equal(shown(&show).door, 0);
}

/* The same state twice is the same bytes: the screen draws nothing. */
static void test_same_bytes(void **state)
{
    struct show show = make_show();
    struct screen_state first, second;

    memset(&first, 0xaa, sizeof(first));
    memset(&second, 0x55, sizeof(second));
    show.session = (struct bank_session){.number = 1, .state = "take", .info = {.door = 3}};
    show_state(&show, &first);
    show_state(&show, &second);
    assert_int_equal(first.door, second.door);
    assert_string_equal(first.order, second.order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_first),
        cmocka_unit_test(test_every_state_of_a_session),
        cmocka_unit_test(test_the_customers_language_and_what_is_told),
        cmocka_unit_test(test_same_bytes),
    };

    return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
