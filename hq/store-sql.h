/* Every piece of SQL of HQ's store. */
#pragma once

#include <stddef.h>

#define STORE_APPLICATION_ID 0x50485131 /* "PHQ1" */

enum store_statement {
    S_META_GET,
    S_META_SET,
    S_SEQ_GET,
    S_SEQ_NEXT,
    S_DOCUMENT_GET,
    S_DOCUMENT_PUT,
    S_DOCUMENTS_AFTER,
    S_DOCUMENTS_COUNT,
    S_ORDER_GET,
    S_ORDER_ADD,
    S_ORDER_SET,
    S_ORDER_PLACE,
    S_NUMBER_USED,
    S_HANDLE_USED,
    S_LABEL_OWNER,
    S_LABEL_ADD,
    S_LABELS_DELETE,
    S_ORDERS_LIST,
    S_BANK_STATUS,
    S_BANK_OFFLINE,
    S_BANKS_OFFLINE,
    S_BANK_APPLIED,
    S_BANK_GET,
    S_LOG_GET,
    S_LOG_ADD,
    S_LOG_MOVE,
    S_LOG_FORK,
    S_LOGS_LIST,
    S_EVENT_ADD,
    S_EVENTS_PLACE,
    S_LOG_ANCHOR_GET,
    S_LOG_ANCHOR_SET,
    S_GAP_ADD,
    S_GAPS_LIST,
    S_EVENT_HASH,
    S_EVENTS_LIST,
    S_EVENTS_OF_ORDER,
    S_EVENTS_OF_LOG,
    S_ALARM_ADD,
    S_ALARMS_LIST,
    S_CHANGE_ADD,
    S_CHANGES_OPEN,
    S_CHANGES_OF_ORDER,
    S_CHANGES_PENDING,
    S_CHANGE_SETTLE,
    S_COMMAND_ADD,
    S_COMMAND_UNSENT,
    S_COMMAND_SENT,
    S_COMMAND_RESULT,
    S_COMMAND_LAPSE,
    S_COMMAND_GET,
    S_COUNT,
};

extern const char *const store_sql[S_COUNT];
extern const char *const store_migrations[];
extern const size_t store_n_migrations;
