#include "kiosk/frame-box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SLOTS 3
#define FRESH 4U /* flag in `waiting`: nobody has taken that slot yet */

struct slot {
    struct frame frame; /* .data means nothing here */
    uint64_t number;
    uint32_t wish;
};

/* The shared memory: this, then the bytes of the slots, each on its own pages. */
struct shared {
    _Atomic uint32_t waiting; /* slot, | FRESH */
    struct slot slots[SLOTS];
};

#define HEAD_BYTES ((sizeof(struct shared) + 4095) / 4096 * 4096)
#define ALL_BYTES  (HEAD_BYTES + SLOTS * FRAME_BYTES_MAX)

struct frame_box {
    int fd;
    struct shared *shared;
    uint32_t own; /* the slot that this side works on */
};

static uint8_t *bytes_of(struct frame_box *box, uint32_t slot)
{
    return (uint8_t *)box->shared + HEAD_BYTES + slot * FRAME_BYTES_MAX;
}

/* Takes `fd` over. */
static int map(int fd, uint32_t own, struct frame_box **ret_box)
{
    struct frame_box *box = calloc(1, sizeof(*box));
    void *memory;

    if (!box) {
        close(fd);
        return -ENOMEM;
    }
    memory = mmap(NULL, ALL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (memory == MAP_FAILED) {
        int r = -errno;

        close(fd);
        free(box);
        return r;
    }
    *box = (struct frame_box){.fd = fd, .shared = memory, .own = own};
    *ret_box = box;
    return 0;
}

int frame_box_new(struct frame_box **ret_box)
{
    int r, fd = memfd_create("pickup-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -errno;
    /* Sealed, so that the reader cannot take the memory away under the writer. */
    if (ftruncate(fd, (off_t)ALL_BYTES) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    r = map(fd, 0, ret_box);
    if (r == 0)
        atomic_store(&(*ret_box)->shared->waiting, 1);
    return r;
}

int frame_box_open(int fd, struct frame_box **ret_box)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size != (off_t)ALL_BYTES)
        return -EINVAL;
    return map(fd, 2, ret_box);
}

struct frame_box *frame_box_free(struct frame_box *box)
{
    if (!box)
        return NULL;
    munmap(box->shared, ALL_BYTES);
    close(box->fd);
    free(box);
    return NULL;
}

int frame_box_fd(const struct frame_box *box)
{
    return box->fd;
}

int frame_box_put(struct frame_box *box, const struct frame *frame, uint64_t number,
                  enum frame_wish wish)
{
    uint32_t before;

    if (frame->n_bytes > FRAME_BYTES_MAX)
        return -EMSGSIZE;
    memcpy(bytes_of(box, box->own), frame->data, frame->n_bytes);
    box->shared->slots[box->own] =
        (struct slot){.frame = *frame, .number = number, .wish = (uint32_t)wish};
    before = atomic_exchange(&box->shared->waiting, box->own | FRESH) & ~FRESH;
    if (before >= SLOTS || before == box->own)
        return -EBADMSG;
    box->own = before;
    return 0;
}

bool frame_box_take(struct frame_box *box, struct frame *ret_frame, uint64_t *ret_number,
                    enum frame_wish *ret_wish)
{
    const struct slot *slot;

    if (!(atomic_load(&box->shared->waiting) & FRESH))
        return false;
    box->own = atomic_exchange(&box->shared->waiting, box->own) & ~FRESH;
    slot = &box->shared->slots[box->own];
    *ret_frame = slot->frame;
    ret_frame->data = bytes_of(box, box->own);
    *ret_number = slot->number;
    *ret_wish = (enum frame_wish)slot->wish;
    return true;
}
