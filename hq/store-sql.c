#include "hq/store-sql.h"

#include "common/cleanup.h"

/* seq comes from the branch's own counter, which never goes back, also when documents are erased;
 * last_seq is always the seq of the newest document. */
static const char schema_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "CREATE TABLE branch (name TEXT PRIMARY KEY, last_seq INTEGER NOT NULL) STRICT;"
    "CREATE TABLE document (id INTEGER PRIMARY KEY, branch TEXT NOT NULL, kind TEXT NOT NULL,"
    "  name TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,"
    "  UNIQUE (branch, kind, name), UNIQUE (branch, seq)) STRICT;"
    "CREATE TABLE shop_order (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  branch TEXT NOT NULL, handle TEXT NOT NULL UNIQUE, number TEXT NOT NULL,"
    "  source_rev INTEGER, draft_digest BLOB NOT NULL, UNIQUE (branch, number)) STRICT;"
    "CREATE TABLE label (branch TEXT NOT NULL, label TEXT NOT NULL,"
    "  order_id INTEGER NOT NULL REFERENCES shop_order, UNIQUE (branch, label)) STRICT;"
    "CREATE INDEX label_of_order ON label (order_id);"
    "CREATE TABLE bank (name TEXT PRIMARY KEY, online INTEGER NOT NULL DEFAULT 0, boot TEXT,"
    "  feed TEXT, applied INTEGER NOT NULL DEFAULT 0, status TEXT, seen_at INTEGER) STRICT;"
    "CREATE TABLE log (id INTEGER PRIMARY KEY, bank TEXT NOT NULL, name TEXT NOT NULL,"
    "  through INTEGER NOT NULL, hash BLOB NOT NULL, forked INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (bank, name)) STRICT;"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, log_id INTEGER NOT NULL REFERENCES log,"
    "  n INTEGER NOT NULL, at INTEGER, type TEXT, order_name TEXT, hash TEXT NOT NULL,"
    "  body TEXT NOT NULL, UNIQUE (log_id, n)) STRICT;"
    "CREATE INDEX event_of_order ON event (order_name) WHERE order_name IS NOT NULL;"
    "CREATE TABLE alarm (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, bank TEXT NOT NULL,"
    "  log TEXT NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,"
    "  UNIQUE (bank, log, n, kind)) STRICT;"
    "CREATE TABLE command (id TEXT PRIMARY KEY, bank TEXT NOT NULL, deadline INTEGER NOT NULL,"
    "  body TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0, result TEXT, reason TEXT) STRICT;"
    "CREATE INDEX command_unsent ON command (deadline) WHERE sent = 0;";

/* `placed_at`: when an event with an untrusted clock happened, reckoned from a trusted one of the
 * same boot; what a log's newest boot is and that trusted event stand with the log. `gap`: events
 * that a bank had already deleted when HQ wanted them again. `called_back`: what HQ itself made of
 * an order, "held" or "cancelled", whatever the shop says later. `change`: what HQ has done to an
 * order and which banks have to apply before it is settled. */
static const char schema_2[] =
    "ALTER TABLE event ADD COLUMN placed_at INTEGER;"
    "ALTER TABLE log ADD COLUMN boot TEXT;"
    "ALTER TABLE log ADD COLUMN boot_first INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE log ADD COLUMN anchor_at INTEGER;"
    "ALTER TABLE log ADD COLUMN anchor_mono INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE bank ADD COLUMN applied_log TEXT;"
    "ALTER TABLE bank ADD COLUMN applied_event INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE gap (id INTEGER PRIMARY KEY, log_id INTEGER NOT NULL REFERENCES log,"
    "  first INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE (log_id, last)) STRICT;"
    "ALTER TABLE shop_order ADD COLUMN called_back TEXT;"
    "CREATE TABLE change (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES shop_order,"
    "  kind TEXT NOT NULL, branch TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  actor TEXT NOT NULL, reason TEXT NOT NULL, outcome TEXT, settled_at INTEGER) STRICT;"
    "CREATE INDEX change_open ON change (branch) WHERE outcome IS NULL;"
    "CREATE INDEX change_of_order ON change (order_id);";

const char *const store_migrations[] = {schema_1, schema_2};
const size_t store_n_migrations = ELEMENTSOF(store_migrations);

const char *const store_sql[S_COUNT] = {
    [S_META_GET] = "SELECT value FROM meta WHERE key = ?",
    [S_META_SET] = "INSERT INTO meta VALUES (?, ?)"
                   " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [S_SEQ_GET] = "SELECT last_seq FROM branch WHERE name = ?",
    [S_SEQ_NEXT] = "INSERT INTO branch VALUES (?, 1)"
                   " ON CONFLICT (name) DO UPDATE SET last_seq = last_seq + 1 RETURNING last_seq",
    [S_DOCUMENT_GET] = "SELECT body FROM document WHERE branch = ? AND kind = ? AND name = ?",
    [S_DOCUMENT_PUT] = "INSERT INTO document (branch, kind, name, seq, body) VALUES (?, ?, ?, ?, ?)"
                       " ON CONFLICT (branch, kind, name)"
                       " DO UPDATE SET seq = excluded.seq, body = excluded.body",
    [S_DOCUMENTS_AFTER] = "SELECT seq, body FROM document"
                          " WHERE branch = ? AND seq > ? AND seq <= ? ORDER BY seq",
    [S_DOCUMENTS_COUNT] = "SELECT count(*) FROM document WHERE branch = ? AND seq > ?",
    [S_ORDER_GET] = "SELECT id, branch, handle, number, source_rev, draft_digest, called_back"
                    " FROM shop_order"
                    " WHERE name = ?",
    [S_ORDER_ADD] =
        "INSERT INTO shop_order (name, branch, handle, number, source_rev, draft_digest)"
        " VALUES (?, ?, ?, ?, nullif(?, -1), ?) RETURNING id",
    [S_ORDER_SET] = "UPDATE shop_order SET source_rev = nullif(?, -1), draft_digest = ?"
                    " WHERE id = ?",
    [S_ORDER_PLACE] = "UPDATE shop_order SET branch = ?, number = ?, called_back = ? WHERE id = ?",
    [S_NUMBER_USED] = "SELECT 1 FROM shop_order WHERE branch = ? AND number = ?",
    [S_HANDLE_USED] = "SELECT 1 FROM shop_order WHERE handle = ?",
    [S_LABEL_OWNER] = "SELECT o.name FROM label AS l JOIN shop_order AS o ON o.id = l.order_id"
                      " WHERE l.branch = ? AND l.label = ?",
    [S_LABEL_ADD] = "INSERT OR IGNORE INTO label VALUES (?, ?, ?)",
    [S_LABELS_DELETE] = "DELETE FROM label WHERE order_id = ?",
    [S_ORDERS_LIST] = "SELECT o.id, d.body FROM shop_order AS o JOIN document AS d"
                      " ON d.branch = o.branch AND d.kind = 'order' AND d.name = o.name"
                      " WHERE o.id > ? ORDER BY o.id",
    [S_BANK_STATUS] = "INSERT INTO bank (name, online, boot, feed, applied, status, seen_at,"
                      " applied_log, applied_event) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT (name) DO UPDATE SET online = 1,"
                      " boot = coalesce(excluded.boot, boot), feed = excluded.feed,"
                      " applied = excluded.applied, status = excluded.status,"
                      " seen_at = excluded.seen_at, applied_log = excluded.applied_log,"
                      " applied_event = excluded.applied_event",
    [S_BANK_OFFLINE] = "UPDATE bank SET online = 0 WHERE name = ?",
    [S_BANKS_OFFLINE] = "UPDATE bank SET online = 0",
    [S_BANK_APPLIED] =
        "INSERT INTO bank (name, feed, applied, seen_at, applied_log, applied_event)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET feed = excluded.feed,"
        " applied = excluded.applied, seen_at = excluded.seen_at,"
        " applied_log = excluded.applied_log, applied_event = excluded.applied_event",
    [S_BANK_GET] = "SELECT online, boot, feed, applied, status, seen_at, applied_log, applied_event"
                   " FROM bank WHERE name = ?",
    [S_LOG_GET] = "SELECT id, through, hash, forked FROM log WHERE bank = ? AND name = ?",
    [S_LOG_ADD] = "INSERT INTO log (bank, name, through, hash) VALUES (?, ?, 0, ?) RETURNING id",
    [S_LOG_MOVE] = "UPDATE log SET through = ?, hash = ? WHERE id = ?",
    [S_LOG_FORK] = "UPDATE log SET forked = 1 WHERE id = ?",
    [S_LOGS_LIST] = "SELECT id, bank, name, through, forked FROM log ORDER BY bank, id",
    [S_EVENT_ADD] = "INSERT INTO event (log_id, n, at, type, order_name, hash, body, placed_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, 0))",
    /* The event's own time since boot against that of the trusted one. */
    [S_EVENTS_PLACE] = "UPDATE event SET placed_at = ?1 +"
                       " (json_extract(body, '$.mono') - ?2) / 1000 WHERE log_id = ?3 AND n >= ?4"
                       " AND placed_at IS NULL AND NOT json_extract(body, '$.trusted')"
                       " AND json_extract(body, '$.boot') = ?5",
    [S_LOG_ANCHOR_GET] = "SELECT boot, boot_first, anchor_at, anchor_mono FROM log WHERE id = ?",
    [S_LOG_ANCHOR_SET] = "UPDATE log SET boot = ?, boot_first = ?, anchor_at = nullif(?, 0),"
                         " anchor_mono = ? WHERE id = ?",
    [S_GAP_ADD] = "INSERT OR IGNORE INTO gap (log_id, first, last) VALUES (?, ?, ?)",
    [S_GAPS_LIST] = "SELECT first, last FROM gap WHERE log_id = ? ORDER BY last",
    [S_EVENT_HASH] = "SELECT hash FROM event WHERE log_id = ? AND n = ?",
    [S_EVENTS_LIST] = "SELECT e.id, l.bank, l.name, e.body, e.placed_at FROM event AS e"
                      " JOIN log AS l ON l.id = e.log_id"
                      " WHERE e.id > ?1 AND (?2 IS NULL OR l.bank = ?2) ORDER BY e.id LIMIT ?3",
    [S_EVENTS_OF_ORDER] = "SELECT e.id, l.bank, l.name, e.body, e.placed_at FROM event AS e"
                          " JOIN log AS l ON l.id = e.log_id"
                          " WHERE e.order_name = ? ORDER BY e.id",
    [S_EVENTS_OF_LOG] = "SELECT n, body FROM event WHERE log_id = ? ORDER BY n",
    [S_ALARM_ADD] = "INSERT OR IGNORE INTO alarm (at, bank, log, n, kind, text)"
                    " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
    [S_ALARMS_LIST] = "SELECT at, bank, log, n, kind, text FROM alarm"
                      " WHERE ?1 IS NULL OR bank = ?1 ORDER BY id",
    [S_CHANGE_ADD] = "INSERT INTO change (order_id, kind, branch, seq, at, actor, reason)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [S_CHANGES_OPEN] = "SELECT c.id, c.kind, c.branch, c.seq, o.name FROM change AS c"
                       " JOIN shop_order AS o ON o.id = c.order_id"
                       " WHERE c.outcome IS NULL AND c.branch = ? ORDER BY c.id",
    [S_CHANGES_OF_ORDER] = "SELECT c.id, c.kind, c.branch, c.seq, c.at, c.actor, c.reason,"
                           " c.outcome, c.settled_at, o.name FROM change AS c"
                           " JOIN shop_order AS o ON o.id = c.order_id"
                           " WHERE o.name = ? ORDER BY c.id",
    [S_CHANGES_PENDING] = "SELECT c.id, c.kind, c.branch, c.seq, c.at, c.actor, c.reason,"
                          " c.outcome, c.settled_at, o.name FROM change AS c"
                          " JOIN shop_order AS o ON o.id = c.order_id"
                          " WHERE c.outcome IS NULL ORDER BY c.id",
    [S_CHANGE_SETTLE] = "UPDATE change SET outcome = ?, settled_at = ? WHERE id = ?"
                        " AND outcome IS NULL",
    [S_COMMAND_ADD] = "INSERT INTO command (id, bank, deadline, body) VALUES (?, ?, ?, ?)",
    [S_COMMAND_UNSENT] = "SELECT id, bank, body FROM command"
                         " WHERE sent = 0 AND deadline > ? ORDER BY deadline",
    [S_COMMAND_SENT] = "UPDATE command SET sent = 1 WHERE id = ?",
    [S_COMMAND_RESULT] = "UPDATE command SET result = ?, reason = ?"
                         " WHERE id = ? AND bank = ? AND result IS NULL",
    [S_COMMAND_LAPSE] = "UPDATE command SET sent = 1, result = 'failed',"
                        " reason = 'it could not be sent before its deadline'"
                        " WHERE sent = 0 AND deadline <= ?",
    [S_COMMAND_GET] = "SELECT result, reason, sent FROM command WHERE id = ?",
};
