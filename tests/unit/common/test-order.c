/* The rules of an order: what state it is in, and whether it may be opened now. */
#include "common/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define NOW 1000000

static struct parcel parcels[2];
static struct placement placements[2];

/* A confirmed order of two parcels that nothing forbids, both in doors. */
static struct order ready_order(void)
{
    memset(parcels, 0, sizeof(parcels));
    memset(placements, 0, sizeof(placements));
    for (size_t i = 0; i < 2; i++)
        placements[i] = (struct placement){.state = PLACEMENT_STOCKED, .door = (uint32_t)i + 1};
    return (struct order){.status = ORDER_CONFIRMED, .parcels = parcels, .n_parcels = 2};
}

static struct order_question question(void)
{
    return (struct order_question){.now_ms = NOW, .clock_trusted = true};
}

static enum outcome ask(const struct order *order, const struct order_question *asked,
                        int64_t *ret_at)
{
    const char *bank = NULL;

    return order_may_open(order, placements, asked, ret_at, &bank);
}

static void expect(const struct order *order, enum outcome expected)
{
    struct order_question asked = question();
    int64_t at = 0;

    assert_string_equal(outcome_name(ask(order, &asked, &at)), outcome_name(expected));
}

static void test_a_stocked_order_opens(void **state)
{
    struct order order = ready_order();

    expect(&order, OUTCOME_OPENING);
    placements[0].state = PLACEMENT_UNCONFIRMED; /* promise 3: the code still opens the door */
    expect(&order, OUTCOME_OPENING);
    placements[1].state = PLACEMENT_NONE;
    expect(&order, OUTCOME_OPENING);
}

static void test_what_hq_says_forbids(void **state)
{
    static const struct {
        enum order_status status;
        enum outcome outcome;
    } cases[] = {
        {ORDER_CANCELLED, OUTCOME_CANCELLED},
        {ORDER_HELD, OUTCOME_HELD},
        {ORDER_RETURNED, OUTCOME_HELD},
        {ORDER_MOVED, OUTCOME_TRANSFERRED},
    };
    struct order order = ready_order();

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        order.status = cases[i].status;
        expect(&order, cases[i].outcome);
    }
    order.status = ORDER_CONFIRMED;
    order.disputed = true;
    expect(&order, OUTCOME_HELD);
}

static void test_collected_wins_over_a_later_cancellation(void **state)
{
    struct order order = ready_order();
    struct order_question asked = question();
    int64_t at = 0;

    order.status = ORDER_CANCELLED;
    placements[0].state = placements[1].state = PLACEMENT_COLLECTED;
    placements[1].since_ms = 77;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_COLLECTED);
    assert_int_equal(at, 77);
    assert_int_equal(order_state(&order, placements, NOW), ORDER_STATE_COLLECTED);
}

static void test_an_old_code_is_dead(void **state)
{
    struct order order = ready_order();
    struct order_question asked = question();
    int64_t at = 0;

    asked.bank_epoch = 2;
    asked.code_epoch = 1;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_TRANSFERRED);
    asked.code_epoch = 2;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_OPENING);
}

static void test_the_window_with_a_trusted_clock(void **state)
{
    struct order order = ready_order();
    struct order_question asked = question();
    int64_t at = 0;

    order.ready_from = NOW + 1;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_TOO_EARLY);
    assert_int_equal(at, NOW + 1);
    order.ready_from = NOW;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_OPENING);
    order.pickup_until = NOW;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_EXPIRED);
    order.pickup_until = NOW + 1;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_OPENING);
    asked.code_not_after_ms = NOW - 1;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_EXPIRED);
}

static void test_promise_8_an_untrusted_clock(void **state)
{
    struct order order = ready_order();
    struct order_question asked = question();
    int64_t at = 0;

    asked.clock_trusted = false;
    order.ready_from = NOW + 1; /* the floor may lie behind: an ordinary order opens */
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_OPENING);
    order.release_at = NOW - 1;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_CLOCK);
    order.release_at = 0;
    order.slot_from = NOW - 1;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_CLOCK);
    order.pickup_until = NOW - 1; /* the floor is surely past it */
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_EXPIRED);
}

static void test_where_the_parcels_are(void **state)
{
    struct order order = ready_order();
    struct order_question asked = question();
    const char *bank = NULL;
    int64_t at = 0;

    placements[0].state = placements[1].state = PLACEMENT_NONE;
    expect(&order, OUTCOME_NOT_STOCKED);
    parcels[0].elsewhere_bank = (char *)"hk-canton-2";
    assert_int_equal(order_may_open(&order, placements, &asked, &at, &bank), OUTCOME_OTHER_BANK);
    assert_string_equal(bank, "hk-canton-2");
    placements[1].state = PLACEMENT_STOCKED;
    expect(&order, OUTCOME_OPENING);
}

static void test_faulty_doors_and_documents_to_see(void **state)
{
    struct order order = ready_order();
    struct order_question asked = question();
    int64_t at = 0;

    placements[0].door_faulty = true;
    expect(&order, OUTCOME_OPENING);
    placements[1].door_faulty = true;
    expect(&order, OUTCOME_OUT_OF_ORDER);
    placements[0].door_faulty = placements[1].door_faulty = false;
    order.id_check = true;
    expect(&order, OUTCOME_ID_CHECK);
    asked.id_seen = true;
    assert_int_equal(ask(&order, &asked, &at), OUTCOME_OPENING);
}

static void expect_state(const struct order *order, enum order_state expected)
{
    assert_string_equal(order_state_name(order_state(order, placements, NOW)),
                        order_state_name(expected));
}

static void test_states_follow_from_the_placements(void **state)
{
    struct order order = ready_order();

    expect_state(&order, ORDER_STATE_READY);
    placements[1].state = PLACEMENT_NONE;
    expect_state(&order, ORDER_STATE_PARTLY_STOCKED);
    placements[0].state = PLACEMENT_NONE;
    expect_state(&order, ORDER_STATE_ANNOUNCED);
    placements[0].state = placements[1].state = PLACEMENT_STOCKED;
    placements[0].granted = true;
    expect_state(&order, ORDER_STATE_COLLECTING);
    placements[0].granted = false;
    placements[0].state = PLACEMENT_COLLECTED;
    expect_state(&order, ORDER_STATE_COLLECTING);
    parcels[1].collected_elsewhere = true;
    expect_state(&order, ORDER_STATE_COLLECTED);
}

static void test_states_follow_from_time_and_hq(void **state)
{
    struct order order = ready_order();

    order.ready_from = NOW + 1;
    expect_state(&order, ORDER_STATE_TOO_EARLY);
    order.pickup_until = NOW;
    expect_state(&order, ORDER_STATE_EXPIRED);
    order.status = ORDER_HELD;
    expect_state(&order, ORDER_STATE_HELD);
    order.status = ORDER_CANCELLED;
    expect_state(&order, ORDER_STATE_CANCELLED);
    order.status = ORDER_RETURNED;
    expect_state(&order, ORDER_STATE_RETURNED);
    order.disputed = true;
    expect_state(&order, ORDER_STATE_DISPUTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stocked_order_opens),
        cmocka_unit_test(test_what_hq_says_forbids),
        cmocka_unit_test(test_collected_wins_over_a_later_cancellation),
        cmocka_unit_test(test_an_old_code_is_dead),
        cmocka_unit_test(test_the_window_with_a_trusted_clock),
        cmocka_unit_test(test_promise_8_an_untrusted_clock),
        cmocka_unit_test(test_where_the_parcels_are),
        cmocka_unit_test(test_faulty_doors_and_documents_to_see),
        cmocka_unit_test(test_states_follow_from_the_placements),
        cmocka_unit_test(test_states_follow_from_time_and_hq),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
