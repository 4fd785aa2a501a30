/* Every table and every statement of the bank's store. */
#include "daemon/store-inner.h"

/* 1: the first layout. Times are ms UTC, `deadline_us` is CLOCK_BOOTTIME. */
static const char first[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value ANY) STRICT;"
    /* HQ's documents. `generation` counts the feeds that this bank has followed. */
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE,"
    " handle INTEGER NOT NULL UNIQUE, rev INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " generation INTEGER NOT NULL, document TEXT NOT NULL, number_digest BLOB,"
    " pickup_until INTEGER NOT NULL, ended_at INTEGER, erased INTEGER NOT NULL DEFAULT 0,"
    " id_seen_until INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX orders_digest ON orders (number_digest) WHERE number_digest IS NOT NULL;"
    "CREATE TABLE parcels (id INTEGER PRIMARY KEY, parcel TEXT NOT NULL UNIQUE, barcode TEXT,"
    " order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE) STRICT;"
    "CREATE INDEX parcels_order ON parcels (order_id);"
    "CREATE INDEX parcels_barcode ON parcels (barcode) WHERE barcode IS NOT NULL;"
    "CREATE TABLE documents (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,"
    " rev INTEGER NOT NULL, generation INTEGER NOT NULL, document TEXT NOT NULL,"
    " UNIQUE (kind, name)) STRICT;"
    /* What the bank itself knows, which no document takes back. */
    "CREATE TABLE placements (id INTEGER PRIMARY KEY, parcel TEXT NOT NULL UNIQUE,"
    " number TEXT NOT NULL, door INTEGER NOT NULL, state INTEGER NOT NULL,"
    " since INTEGER NOT NULL) STRICT;"
    "CREATE INDEX placements_number ON placements (number);"
    "CREATE INDEX placements_door ON placements (door) WHERE state IN (1, 2);"
    "CREATE TABLE epochs (handle INTEGER PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;"
    "CREATE TABLE doors (door INTEGER PRIMARY KEY, jammed INTEGER NOT NULL DEFAULT 0,"
    " faulty INTEGER NOT NULL DEFAULT 0, reason TEXT, since INTEGER NOT NULL) STRICT;"
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL,"
    " number TEXT, staff INTEGER NOT NULL, role INTEGER NOT NULL, actor TEXT NOT NULL,"
    " boot TEXT NOT NULL, begun_us INTEGER NOT NULL, ended_at INTEGER) STRICT;"
    "CREATE INDEX sessions_live ON sessions (id) WHERE ended_at IS NULL;"
    "CREATE TABLE grants (id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL,"
    " door INTEGER NOT NULL, parcel TEXT NOT NULL, number TEXT NOT NULL, purpose INTEGER NOT NULL,"
    " actor TEXT NOT NULL, boot TEXT NOT NULL, deadline_us INTEGER NOT NULL,"
    " pulses INTEGER NOT NULL, at INTEGER NOT NULL, outcome INTEGER NOT NULL DEFAULT 0,"
    " pulsed INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0,"
    " confirmed INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX grants_out ON grants (id) WHERE outcome = 0;"
    "CREATE INDEX grants_session ON grants (session);"
    "CREATE TABLE events (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, number TEXT,"
    " event TEXT NOT NULL, personal INTEGER NOT NULL) STRICT;"
    "CREATE INDEX events_personal ON events (number) WHERE personal = 1;"
    "CREATE TABLE commands (id TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL,"
    " result TEXT NOT NULL, reason TEXT NOT NULL) STRICT;";

/* `id_seen_until` is us of CLOCK_BOOTTIME in the boot that stands beside it. */
static const char id_seen_boot[] = "ALTER TABLE orders ADD COLUMN id_seen_boot TEXT;";

/* What was rescued from a store that was set aside: events that HQ may not have, under the log
 * that they belong to. */
static const char old_events[] =
    "CREATE TABLE old_events (id INTEGER PRIMARY KEY, log TEXT NOT NULL, n INTEGER NOT NULL,"
    " number TEXT, event TEXT NOT NULL, personal INTEGER NOT NULL,"
    " UNIQUE (log, n)) STRICT;";

const char *const store_migrations[] = {first, id_seen_boot, old_events};
const size_t store_n_migrations = ELEMENTSOF(store_migrations);

#define ORDER_COLUMNS                                                                              \
    "SELECT o.id, o.number, o.document, o.generation, o.id_seen_until, o.erased,"                  \
    " coalesce((SELECT epoch FROM epochs e WHERE e.handle = o.handle), 0), o.id_seen_boot"         \
    " FROM orders o "
#define GRANT_COLUMNS                                                                              \
    "SELECT id, session, door, parcel, number, purpose, actor, boot, deadline_us, pulses, at,"     \
    " outcome, pulsed, closed, confirmed FROM grants "

const char *const store_sql[STORE_STATEMENTS] = {
    [SAVEPOINT] = "SAVEPOINT put_order",
    [SAVEPOINT_UNDO] = "ROLLBACK TO put_order",
    [SAVEPOINT_DONE] = "RELEASE put_order",
    [JOIN] = "SAVEPOINT joined",
    [JOIN_UNDO] = "ROLLBACK TO joined",
    [JOIN_DONE] = "RELEASE joined",

    [META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [META_SET] = "INSERT INTO meta (key, value) VALUES (?1, ?2)"
                 " ON CONFLICT (key) DO UPDATE SET value = excluded.value",

    [ORDER_REV] = "SELECT id, rev, generation, ended_at FROM orders WHERE number = ?1",
    [ORDER_INSERT] = "INSERT INTO orders (number, handle, rev, seq, generation, document,"
                     " number_digest, pickup_until, ended_at) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)"
                     " ON CONFLICT (number) DO NOTHING",
    [ORDER_UPDATE] = "UPDATE orders SET handle = ?2, rev = ?3, seq = ?4, generation = ?5,"
                     " document = ?6, number_digest = ?7, pickup_until = ?8, ended_at = ?9,"
                     " erased = 0 WHERE number = ?1",
    [ORDER_DELETE] = "DELETE FROM orders WHERE id = ?1",
    [ORDER_BY_NUMBER] = ORDER_COLUMNS "WHERE o.number = ?1",
    [ORDER_BY_HANDLE] = ORDER_COLUMNS "WHERE o.handle = ?1",
    [ORDER_BY_DIGEST] = ORDER_COLUMNS "WHERE o.number_digest = ?1 AND EXISTS"
                                      " (SELECT 1 FROM placements p WHERE p.number = o.number)",
    [ORDER_BY_PARCEL] = ORDER_COLUMNS
    "JOIN parcels p ON p.order_id = o.id WHERE p.parcel = ?1"
    " UNION ALL " ORDER_COLUMNS "JOIN parcels p ON p.order_id = o.id WHERE p.barcode = ?1 LIMIT 1",
    [ORDER_LIST] = ORDER_COLUMNS
    "WHERE (?1 IS NULL OR o.number LIKE '%' || ?1 || '%' OR EXISTS (SELECT 1 FROM parcels p"
    " WHERE p.order_id = o.id AND p.parcel LIKE '%' || ?1 || '%')) AND (?2 = 0 OR EXISTS"
    " (SELECT 1 FROM placements p WHERE p.number = o.number)) ORDER BY o.id LIMIT ?3 OFFSET ?4",
    [ORDER_COUNT] = "SELECT count(*) FROM orders",
    [ORDER_ENDED] = "UPDATE orders SET ended_at = ?2 WHERE number = ?1 AND ended_at IS NULL",
    [ORDER_ID_SEEN] = "UPDATE orders SET id_seen_until = ?2, id_seen_boot = ?3 WHERE number = ?1",
    /* A slice of the table by rowid: the work is bounded, and no index slows the feed down. */
    [ORDER_SLICE] =
        "SELECT o.id, o.number, o.erased, coalesce(o.ended_at, nullif(o.pickup_until,"
        " 0)), o.generation, EXISTS (SELECT 1 FROM placements p WHERE p.number = o.number AND"
        " p.state IN (1, 2)) FROM orders o WHERE o.id > ?1 ORDER BY o.id LIMIT ?2",
    [ORDER_ERASE] = "UPDATE orders SET document = ?2, number_digest = NULL, erased = 1"
                    " WHERE number = ?1",
    [PARCELS_CLEAR] = "DELETE FROM parcels WHERE order_id = ?1",
    [PARCEL_INSERT] = "INSERT INTO parcels (parcel, barcode, order_id) VALUES (?1, ?2, ?3)",

    [DOCUMENT_REV] = "SELECT rev, generation FROM documents WHERE kind = ?1 AND name = ?2",
    [DOCUMENT_SET] = "INSERT INTO documents (kind, name, rev, generation, document)"
                     " VALUES (?1,?2,?3,?4,?5) ON CONFLICT (kind, name) DO UPDATE SET"
                     " rev = excluded.rev, generation = excluded.generation,"
                     " document = excluded.document",
    [DOCUMENT_GET] = "SELECT document FROM documents WHERE kind = ?1 AND name = ?2",
    [DOCUMENT_LIST] = "SELECT document FROM documents WHERE kind = ?1 ORDER BY id",

    [EPOCH_RAISE] = "INSERT INTO epochs (handle, epoch) VALUES (?1, ?2) ON CONFLICT (handle)"
                    " DO UPDATE SET epoch = excluded.epoch WHERE epoch < excluded.epoch",
    [EPOCH_CLEAR] = "DELETE FROM epochs WHERE handle = (SELECT handle FROM orders WHERE id = ?1)",
    [EPOCH_GET] = "SELECT epoch FROM epochs WHERE handle = ?1",

    [PLACEMENT_GET] = "SELECT p.state, p.door, p.since,"
                      " coalesce((SELECT jammed OR faulty OR reason IS NOT NULL FROM doors d"
                      " WHERE d.door = p.door), 0),"
                      " EXISTS (SELECT 1 FROM grants g WHERE g.outcome = 0 AND g.parcel = p.parcel)"
                      " FROM placements p WHERE p.parcel = ?1",
    [PLACEMENT_SET] = "INSERT INTO placements (parcel, number, door, state, since)"
                      " VALUES (?1,?2,?3,?4,?5) ON CONFLICT (parcel) DO UPDATE SET"
                      " number = excluded.number, door = excluded.door, state = excluded.state,"
                      " since = excluded.since",
    [PLACEMENT_DELETE] = "DELETE FROM placements WHERE parcel = ?1",
    [PLACEMENTS_CLEAR] = "DELETE FROM placements WHERE number = ?1",
    [PLACEMENT_AT_DOOR] = "SELECT parcel, number, state, since FROM placements"
                          " WHERE door = ?1 AND state IN (1, 2)",

    [DOOR_GET] = "SELECT jammed, faulty, reason, since FROM doors WHERE door = ?1",
    [DOOR_SET] = "INSERT INTO doors (door, jammed, faulty, reason, since) VALUES (?1,?2,?3,?4,?5)"
                 " ON CONFLICT (door) DO UPDATE SET jammed = excluded.jammed,"
                 " faulty = excluded.faulty, reason = excluded.reason, since = excluded.since",

    [SESSION_INSERT] = "INSERT INTO sessions (kind, number, staff, role, actor, boot, begun_us)"
                       " VALUES (?1,?2,?3,?4,?5,?6,?7)",
    [SESSION_END] = "UPDATE sessions SET ended_at = ?2 WHERE id = ?1",
    [SESSIONS_PRUNE] = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions"
                       " WHERE ended_at < ?1 ORDER BY id LIMIT 500)",
    [SESSION_LIVE] = "SELECT id, kind, number, staff, role, actor, boot, begun_us FROM sessions"
                     " WHERE ended_at IS NULL ORDER BY id DESC LIMIT 1",

    [GRANT_INSERT] = "INSERT INTO grants (session, door, parcel, number, purpose, actor, boot,"
                     " deadline_us, pulses, at) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    [GRANT_GET] = GRANT_COLUMNS "WHERE id = ?1",
    [GRANT_SAVE] = "UPDATE grants SET outcome = ?2, pulsed = ?3, closed = ?4, confirmed = ?5"
                   " WHERE id = ?1",
    [GRANTS_PRUNE] = "DELETE FROM grants WHERE id IN (SELECT g.id FROM grants g NOT INDEXED"
                     " WHERE g.at < ?1 AND g.outcome <> 0 AND NOT EXISTS (SELECT 1 FROM sessions s"
                     " WHERE s.id = g.session AND s.ended_at IS NULL) ORDER BY g.id LIMIT 500)",
    [GRANTS_OUT] = GRANT_COLUMNS "WHERE outcome = 0 ORDER BY id",
    [GRANTS_OF_SESSION] = GRANT_COLUMNS "WHERE session = ?1 ORDER BY id",

    [EVENT_INSERT] = "INSERT INTO events (n, at, number, event, personal) VALUES (?1,?2,?3,?4,?5)",
    [EVENT_LIST] = "SELECT n, event FROM events WHERE n > ?1 ORDER BY n LIMIT ?2",
    [EVENT_LAST] = "SELECT n, event FROM events ORDER BY n DESC LIMIT 1",
    [EVENT_OLDEST] = "SELECT coalesce(min(n), 0) FROM events",
    [EVENT_PERSONAL] = "SELECT n, event FROM events WHERE personal = 1 AND number = ?1",
    [EVENT_ERASE] = "UPDATE events SET event = ?2, personal = 0 WHERE n = ?1",
    /* The first event that must stay; not further than 1,000 from the oldest. */
    [EVENT_KEPT] = "SELECT coalesce((SELECT n FROM (SELECT n, at FROM events ORDER BY n LIMIT 1000)"
                   " WHERE n > ?1 OR at >= ?2 ORDER BY n LIMIT 1),"
                   " (SELECT max(n) FROM (SELECT n FROM events ORDER BY n LIMIT 1000)))",
    [EVENT_PRUNE] = "DELETE FROM events WHERE n < ?1",
    [EVENT_WAITING_SINCE] = "SELECT at FROM events WHERE n > ?1 ORDER BY n LIMIT 1",

    [OLD_LOG] = "SELECT log FROM old_events ORDER BY id LIMIT 1",
    [OLD_LIST] = "SELECT n, event FROM old_events WHERE log = ?1 AND n > ?2 ORDER BY n"
                 " LIMIT ?3",
    [OLD_ADD] = "INSERT OR IGNORE INTO old_events (log, n, number, event, personal)"
                " VALUES (?1,?2,?3,?4,?5)",
    [OLD_FORGET] = "DELETE FROM old_events WHERE log = ?1 AND n = ?2",
    [OLD_DELETE] = "DELETE FROM old_events WHERE log = ?1 AND n <= ?2",
    [OLD_COUNT] = "SELECT count(*) FROM old_events",
    [OLD_PERSONAL] = "SELECT id, event FROM old_events WHERE personal = 1 AND number = ?1",
    [OLD_ERASE] = "UPDATE old_events SET event = ?2, personal = 0 WHERE id = ?1",

    [COMMAND_GET] = "SELECT result, reason FROM commands WHERE id = ?1",
    [COMMAND_ADD] = "INSERT INTO commands (id, at, result, reason) VALUES (?1,?2,?3,?4)",
    [COMMANDS_PRUNE] = "DELETE FROM commands WHERE rowid IN (SELECT rowid FROM commands"
                       " WHERE at < ?1 ORDER BY rowid LIMIT 500)",
};
