/* The pure machine of what goes on at a bank. */
#include "daemon/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct session_item two[] = {{"P-1", 4}, {"P-2", 7}};

static struct session collection(unsigned n)
{
    struct session session = {.id = 1, .kind = SESSION_COLLECTION};
    struct session_effect effect = session_begin(&session, SESSION_COLLECTION, two, n);

    assert_true(effect.grant);
    assert_int_equal(session.state, SESSION_OPENING);
    return session;
}

static void test_one_door_after_the_other(void **state)
{
    struct session session = collection(2);

    assert_false(session_step(&session, SESSION_OPENED).grant);
    assert_int_equal(session.state, SESSION_TAKE);
    assert_true(session_step(&session, SESSION_CLOSED).grant);
    assert_int_equal(session.index, 1);
    session_step(&session, SESSION_OPENED);
    assert_false(session_step(&session, SESSION_CLOSED).grant);
    assert_int_equal(session.state, SESSION_COLLECTED);
    assert_true(session_can_be_replaced(&session));
    assert_int_equal(session.opened, 2);
}

static void test_a_failed_door_lets_the_rest_go_on(void **state)
{
    struct session session = collection(2);
    struct session_effect effect = session_step(&session, SESSION_FAILED_TO_OPEN);

    assert_true(effect.tell_failed);
    assert_true(effect.grant);
    session_step(&session, SESSION_OPENED);
    session_step(&session, SESSION_CLOSED);
    assert_int_equal(session.state, SESSION_COLLECTED);
    assert_int_equal(session.failed, 1);
}

static void test_no_door_opened_is_a_failure(void **state)
{
    struct session session = collection(1);

    assert_false(session_step(&session, SESSION_FAILED_TO_OPEN).grant);
    assert_int_equal(session.state, SESSION_FAILED);
}

static void test_a_withdrawn_parcel_is_passed_over(void **state)
{
    struct session session = collection(2);

    session_step(&session, SESSION_OPENED);
    assert_true(session_step(&session, SESSION_CLOSED).grant);
    assert_false(session_step(&session, SESSION_WITHDRAWN).grant);
    assert_int_equal(session.state, SESSION_COLLECTED);
    assert_int_equal(session.failed, 1);
}

static void test_a_grant_that_is_out_is_finished_before_the_end(void **state)
{
    struct session session = collection(2);

    assert_false(session_step(&session, SESSION_END).end);
    assert_true(session_opening(&session));
    assert_true(session_step(&session, SESSION_OPENED).end);
}

static void test_a_door_left_open_does_not_hold_the_next(void **state)
{
    struct session session = collection(2);

    session_step(&session, SESSION_OPENED);
    assert_true(session_step(&session, SESSION_STAYED_OPEN).grant);
    session_step(&session, SESSION_OPENED);
    assert_false(session_step(&session, SESSION_STAYED_OPEN).grant);
    assert_int_equal(session.state, SESSION_LEFT_OPEN);
    session_step(&session, SESSION_CLOSED);
    assert_int_equal(session.state, SESSION_COLLECTED);
}

static void test_events_that_do_not_belong_change_nothing(void **state)
{
    for (int event = SESSION_OPENED; event <= SESSION_END; event++) {
        struct session idle = {};
        struct session_effect effect = session_step(&idle, (enum session_event)event);

        assert_false(effect.grant || effect.end || effect.confirm);
        assert_int_equal(idle.state, SESSION_IDLE);
    }
}

static struct session stocking(enum session_kind kind)
{
    struct session session = {.id = 2, .kind = kind};

    assert_true(session_begin(&session, SESSION_STOCK, two, 1).grant);
    session_step(&session, SESSION_OPENED);
    assert_int_equal(session.state, SESSION_STOCK_PLACE);
    return session;
}

static void test_a_single_stock_counts_when_the_door_closes(void **state)
{
    struct session session = stocking(SESSION_STOCK);
    struct session_effect effect = session_step(&session, SESSION_CLOSED);

    assert_true(effect.confirm && effect.end);
}

static void test_at_the_kiosk_staff_confirm(void **state)
{
    struct session session = stocking(SESSION_STAFF);

    assert_false(session_step(&session, SESSION_CLOSED).confirm);
    assert_int_equal(session.state, SESSION_STOCK_CONFIRM);
    assert_true(session_step(&session, SESSION_CONFIRM).confirm);
    assert_int_equal(session.state, SESSION_WAITING);
    assert_int_equal(session.stocked, 1);
}

static void test_leaving_with_the_door_open_confirms_nothing(void **state)
{
    struct session session = stocking(SESSION_STOCK);
    struct session_effect effect = session_step(&session, SESSION_END);

    assert_true(effect.end);
    assert_false(effect.confirm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_door_after_the_other),
        cmocka_unit_test(test_a_failed_door_lets_the_rest_go_on),
        cmocka_unit_test(test_no_door_opened_is_a_failure),
        cmocka_unit_test(test_a_withdrawn_parcel_is_passed_over),
        cmocka_unit_test(test_a_grant_that_is_out_is_finished_before_the_end),
        cmocka_unit_test(test_a_door_left_open_does_not_hold_the_next),
        cmocka_unit_test(test_events_that_do_not_belong_change_nothing),
        cmocka_unit_test(test_a_single_stock_counts_when_the_door_closes),
        cmocka_unit_test(test_at_the_kiosk_staff_confirm),
        cmocka_unit_test(test_leaving_with_the_door_open_confirms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
