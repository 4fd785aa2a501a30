#include "common/db.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static int bind_text(sqlite3_stmt *statement, int i, const char *text)
{
    return text ? sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(statement, i);
}

int db_bind(sqlite3_stmt *statement, const char *types, ...)
{
    va_list values;
    int code = SQLITE_OK;

    va_start(values, types);
    for (int i = 1; types[i - 1] && code == SQLITE_OK; i++) {
        switch (types[i - 1]) {
        case 'i':
            code = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
            break;
        case 's':
            code = bind_text(statement, i, va_arg(values, const char *));
            break;
        case 't': {
            const char *text = va_arg(values, const char *);
            size_t n = va_arg(values, size_t);

            code = text ? sqlite3_bind_text64(statement, i, text, n, SQLITE_STATIC, SQLITE_UTF8)
                        : sqlite3_bind_null(statement, i);
            break;
        }
        case 'b': {
            const void *bytes = va_arg(values, const void *);
            size_t n = va_arg(values, size_t);

            code = bytes ? sqlite3_bind_blob64(statement, i, bytes, n, SQLITE_STATIC)
                         : sqlite3_bind_null(statement, i);
            break;
        }
        default:
            code = SQLITE_MISUSE;
        }
    }
    va_end(values);
    return db_error(code);
}

int db_copy_text(sqlite3_stmt *statement, int column, char **ret_text)
{
    const char *text = db_text(statement, column);
    char *copy = NULL;

    if (text) {
        copy = strdup(text);
        if (!copy)
            return -ENOMEM;
    }
    *ret_text = copy;
    return 0;
}

int db_prepare_all(struct db *db, const char *const *sql, size_t n, sqlite3_stmt **ret_statements)
{
    for (size_t i = 0; i < n; i++) {
        int r = db_prepare(db, sql[i], &ret_statements[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

void db_finalize_all(sqlite3_stmt **statements, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sqlite3_finalize(statements[i]);
        statements[i] = NULL;
    }
}
