/* Automatic clean-up of locals, after systemd's habit. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _warn_unused_  __attribute__((warn_unused_result))
#define _unused_       __attribute__((unused))

/* Gives the pointer's (or value's) content away and leaves "nothing" behind. */
#define TAKE(var, nothing)                                                                         \
    ({                                                                                             \
        __auto_type _taken = (var);                                                                \
        (var) = (nothing);                                                                         \
        _taken;                                                                                    \
    })
#define TAKE_PTR(ptr) TAKE(ptr, NULL)
#define TAKE_FD(fd)   TAKE(fd, -1)

/* Makes `fp(type *p)` for _cleanup_ out of `f(type v)`, which must accept NULL. */
#define DEFINE_CLEANUP(type, f)                                                                    \
    static inline void f##p(type *p)                                                               \
    {                                                                                              \
        if (*p)                                                                                    \
            f(*p);                                                                                 \
    }                                                                                              \
    struct _trailing_semicolon_of_##f

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
