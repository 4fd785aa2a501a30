#include "common/config.h"

#include <stdio.h>
#include <string.h>

char *config_path(const char *config_file, const char *value, bool credential)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    const char *slash = strrchr(config_file, '/');
    char *path;

    if (!*value || *value == '/')
        return strdup(value);
    if (credential && credentials && !strchr(value, '/')) {
        if (asprintf(&path, "%s/%s", credentials, value) < 0)
            return NULL;
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    if (!slash)
        return strdup(value);
    if (asprintf(&path, "%.*s/%s", (int)(slash - config_file), config_file, value) < 0)
        return NULL;
    return path;
}
