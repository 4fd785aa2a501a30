/* What HQ hands out: the customer's code and pickup number, badges for staff. */
#include "hq/book-change.h"
#include "hq/change.h"
#include "hq/hq.h"
#include "hq/qr-picture.h"
#include "hq/verbs.h"

#include "common/clock.h"
#include "common/code.h"
#include "common/log.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define PNG_SCALE       8 /* pixels a module: 45 modules with the quiet zone are 360 pixels */
#define BADGE_HOURS     12
#define BADGE_HOURS_MAX (366 * 24)

static int sign(struct context *context, enum hq_key which, const struct code *code,
                char ret_text[CODE_TEXT_MAX + 1])
{
    _cleanup_free_ char *error = NULL;
    uint8_t seed[KEY_BYTES];
    int r = key_load(context->state, which, seed, &error);

    if (r >= 0)
        r = code_write(code, seed, ret_text);
    sodium_memzero(seed, sizeof(seed));
    if (r < 0)
        log_error("%s", error ?: strerror(-r));
    return r;
}

/* --- code ------------------------------------------------------------------------------------- */

/* A code outlives the order's window by nothing; one that ends after 2106 has no end. */
static int64_t not_after_s(const json_t *document)
{
    int64_t until_ms = json_integer_value(json_object_get(document, "pickup_until"));
    int64_t s = (until_ms + 999) / 1000;

    return s > UINT32_MAX ? 0 : s;
}

static int make_code(struct context *context, const json_t *document,
                     const struct store_order *order, char ret_text[CODE_TEXT_MAX + 1])
{
    const struct hq_branch *branch = hq_config_branch(&context->config, order->branch);
    const json_t *epoch = json_object_get(json_object_get(document, "code"), "epoch");
    const struct code code = {
        .kind = CODE_P1,
        .key_id = CODE_KEY_ID,
        .branch = branch ? (uint16_t)branch->number : 0,
        .order = strtoull(order->handle, NULL, 16),
        .epoch = (uint8_t)json_integer_value(epoch),
        .not_after_s = not_after_s(document),
    };

    if (!branch) {
        log_error("The order's branch %s is not in the configuration. Add it there.",
                  order->branch);
        return -ENOENT;
    }
    return sign(context, KEY_CODE, &code, ret_text);
}

/* `number` is NULL when none is valid. */
static int show_code(struct context *context, const char *name, const char *number,
                     const char *text, bool only_text, const char *png)
{
    json_auto_t *all = json_pack("{s:s,s:s,s:s?}", "order", name, "code", text, "number", number);
    int r = png ? qr_write_png(text, PNG_SCALE, png) : 0;
    char spoken[48] = "none";

    if (r < 0) {
        log_error("%s cannot be written: %s. Check the folder and free space.", png, strerror(-r));
        return EXIT_FAILED;
    }
    if (number)
        snprintf(spoken, sizeof(spoken), "%.3s-%.3s-%.4s", number, number + 3, number + 6);
    if (context->json) {
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (only_text) {
        puts(text);
    } else if (png) {
        printf("%s shows the code of %s; the pickup number is %s.\n", png, name, spoken);
    } else {
        r = qr_print(text, stdout);
        printf("%s\npickup number %s\n", name, spoken);
    }
    return r < 0 ? EXIT_FAILED : EXIT_GOOD;
}

/* The old code still opens there, so a new one would make two of them. */
static int refuse_pending(struct context *context, const char *name, const json_t *banks)
{
    _cleanup_free_ char *names = change_names(banks);
    json_auto_t *all = NULL;

    if (context->json) {
        all = json_pack("{s:s,s:n,s:O}", "order", name, "code", "waits_for", banks);
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    }
    log_error("The new code of %s is shown once %s has applied the change; until then the old one "
              "opens there.",
              name, names ? names : "every bank");
    return EXIT_PARTLY;
}

int verb_code(struct context *context, int argc, char **argv)
{
    char text[CODE_TEXT_MAX + 1];
    json_auto_t *document = NULL, *banks = NULL;
    struct store_order order;
    const char *png = NULL;
    bool only_text = false;
    const struct verb_option options[] = {
        {"text", .flag = &only_text},
        {"png", .text = &png},
    };
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 1, 1);

    if (r < 0)
        return EXIT_USAGE;
    r = store_order(context->store, argv[1], &order);
    if (r > 0)
        r = store_document(context->store, order.branch, "order", argv[1], &document);
    if (r == 0) {
        log_error("There is no order %s. 'pickup-hq orders' lists them.", argv[1]);
        return EXIT_PARTLY;
    }
    if (r < 0)
        return verb_store_failed(context, r);
    r = book_code_pending(context->store, argv[1], &banks);
    if (r < 0)
        return verb_store_failed(context, r);
    if (r > 0)
        return refuse_pending(context, argv[1], banks);
    if (make_code(context, document, &order, text) < 0)
        return EXIT_FAILED;
    /* A number that died with its epoch is not handed out any more. */
    if (!json_is_string(json_object_get(document, "number_digest")))
        return show_code(context, argv[1], NULL, text, only_text, png);
    return show_code(context, argv[1], order.number, text, only_text, png);
}

/* --- badge ------------------------------------------------------------------------------------ */

struct badge {
    int64_t staff, hours;
    const char *role, *name, *branch, *pin;
    bool revoke;
    uint32_t serial;
};

static int check_badge(const struct badge *badge)
{
    if (!badge->revoke && !badge->role) {
        log_error("badge: write --role=stocker or --role=manager.");
        return -EINVAL;
    }
    if (badge->role && strcmp(badge->role, "stocker") != 0 && strcmp(badge->role, "manager") != 0) {
        log_error("badge: --role=%s is not a role. Write stocker or manager.", badge->role);
        return -EINVAL;
    }
    if (badge->pin && (strlen(badge->pin) != 4 || strspn(badge->pin, "0123456789") != 4)) {
        log_error("badge: --pin= needs four digits.");
        return -EINVAL;
    }
    return 0;
}

/* The only branch when none is named. */
static const struct hq_branch *badge_branch(const struct context *context,
                                            const struct badge *badge)
{
    const struct hq_branch *branch = NULL;

    if (badge->branch)
        branch = hq_config_branch(&context->config, badge->branch);
    else if (context->config.n_branches == 1)
        branch = &context->config.branches[0];
    if (!branch && badge->branch)
        log_error("badge: there is no branch %s in the configuration.", badge->branch);
    else if (!branch)
        log_error("badge: there are several branches. Write --branch=NAME.");
    return branch;
}

static int pin_digest(struct context *context, const struct badge *badge, json_t *document)
{
    char hex[NUMBER_DIGEST_BYTES * 2 + 1];
    uint8_t key[KEY_BYTES], digest[NUMBER_DIGEST_BYTES];
    _cleanup_free_ char *error = NULL;
    int r = key_load(context->state, KEY_NUMBER, key, &error);

    if (r < 0) {
        log_error("%s", error ?: strerror(-r));
        return r;
    }
    number_pin_digest(key, (uint32_t)badge->staff, badge->pin, digest);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    sodium_memzero(key, sizeof(key));
    return json_object_set_new(document, "pin_digest", json_string(hex));
}

/* The staff member's document: what was known, and what the command line says now. */
static int make_staff(struct context *context, const struct badge *badge, const char *branch,
                      const char *number, json_t **ret_document)
{
    json_t *document = NULL;
    int r = store_document(context->store, branch, "staff", number, &document);

    if (r < 0)
        return r;
    if (!document && badge->revoke) {
        log_error("badge: there is no staff member %s to revoke.", number);
        return -ENOENT;
    }
    if (!document)
        document = json_pack("{s:s,s:I,s:i,s:i,s:s,s:s,s:n,s:b,s:i}", "kind", "staff", "staff",
                             (json_int_t)badge->staff, "rev", 0, "seq", 0, "name", "", "role",
                             badge->role, "pin_digest", "revoked", 0, "valid_from_s", 0);
    json_object_set_new(document, "revoked", json_boolean(badge->revoke));
    if (badge->name)
        json_object_set_new(document, "name", json_string(badge->name));
    if (badge->role)
        json_object_set_new(document, "role", json_string(badge->role));
    /* What was issued before a revocation stays dead when somebody comes back. */
    if (badge->revoke)
        json_object_set_new(document, "valid_from_s", json_integer((json_int_t)badge->serial + 1));
    if (badge->pin && pin_digest(context, badge, document) < 0) {
        json_decref(document);
        return -EIO;
    }
    *ret_document = document;
    return 0;
}

static int publish_staff(struct context *context, const struct badge *badge, const char *branch)
{
    json_auto_t *document = NULL;
    char number[16];
    int r;

    snprintf(number, sizeof(number), "%lld", (long long)badge->staff);
    r = store_begin(context->store);
    if (r < 0)
        return r;
    r = make_staff(context, badge, branch, number, &document);
    if (r >= 0)
        r = book_publish(context->store, branch, "staff", number, document);
    if (r < 0) {
        store_rollback(context->store);
        return r;
    }
    r = store_commit(context->store);
    if (r >= 0)
        hq_poke(context->state);
    return r;
}

static int show_badge(struct context *context, const struct badge *badge,
                      const struct hq_branch *branch, bool only_text, const char *png)
{
    const struct code code = {
        .kind = CODE_S1,
        .key_id = BADGE_KEY_ID,
        .branch = (uint16_t)branch->number,
        .staff = (uint32_t)badge->staff,
        .role = strcmp(badge->role, "manager") == 0 ? STAFF_MANAGER : STAFF_STOCKER,
        .serial = badge->serial,
        .not_after_s = badge->serial + badge->hours * 3600,
    };
    char text[CODE_TEXT_MAX + 1];
    json_auto_t *all = NULL;

    if (sign(context, KEY_BADGE, &code, text) < 0)
        return EXIT_FAILED;
    if (png && qr_write_png(text, PNG_SCALE, png) < 0) {
        log_error("%s cannot be written. Check the folder and free space.", png);
        return EXIT_FAILED;
    }
    all = json_pack("{s:I,s:s,s:s,s:I}", "staff", (json_int_t)badge->staff, "code", text, "branch",
                    branch->name, "not_after_s", (json_int_t)code.not_after_s);
    if (context->json) {
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (only_text) {
        puts(text);
    } else if (png) {
        printf("%s shows the badge of staff member %lld.\n", png, (long long)badge->staff);
    } else {
        qr_print(text, stdout);
        printf("staff %lld, %s, for %lld hours at %s\n", (long long)badge->staff, badge->role,
               (long long)badge->hours, branch->name);
    }
    return EXIT_GOOD;
}

int verb_badge(struct context *context, int argc, char **argv)
{
    struct badge badge = {.hours = BADGE_HOURS, .serial = (uint32_t)(clock_now_ms() / 1000)};
    const struct hq_branch *branch;
    const char *png = NULL;
    bool only_text = false;
    const struct verb_option options[] = {
        {"role", .text = &badge.role},
        {"name", .text = &badge.name},
        {"branch", .text = &badge.branch},
        {"pin", .text = &badge.pin},
        {"hours", .number = &badge.hours, .min = 1, .max = BADGE_HOURS_MAX},
        {"revoke", .flag = &badge.revoke},
        {"text", .flag = &only_text},
        {"png", .text = &png},
    };
    char *end;
    int r = verb_options(context, argc, argv, options, ELEMENTSOF(options), 1, 1);

    if (r < 0 || check_badge(&badge) < 0)
        return EXIT_USAGE;
    badge.staff = strtoll(argv[1], &end, 10);
    if (*end || badge.staff < 1 || badge.staff > UINT32_MAX) {
        log_error("badge: '%s' is not a staff number. Write 1 to %u.", argv[1], UINT32_MAX);
        return EXIT_USAGE;
    }
    branch = badge_branch(context, &badge);
    if (!branch)
        return EXIT_USAGE;
    r = publish_staff(context, &badge, branch->name);
    if (r == -ENOENT)
        return EXIT_PARTLY;
    if (r < 0)
        return verb_store_failed(context, r);
    if (!badge.revoke)
        return show_badge(context, &badge, branch, only_text, png);
    if (context->json)
        printf("{\"staff\":%lld,\"revoked\":true}\n", (long long)badge.staff);
    else
        printf("Staff member %lld is revoked at %s.\n", (long long)badge.staff, branch->name);
    return EXIT_GOOD;
}
