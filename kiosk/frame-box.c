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

struct lane {
    _Atomic uint32_t waiting; /* slot, | FRESH */
    struct slot slots[SLOTS];
};

/* The shared memory: this, then the bytes of the slots, each on its own pages. */
struct shared {
    _Atomic uint32_t at_work; /* lane + 1; 0 = none */
    struct lane lanes[FRAME_LANES_MAX];
};

#define HEAD_BYTES ((sizeof(struct shared) + 4095) / 4096 * 4096)

struct frame_box {
    int fd;
    struct shared *shared;
    unsigned n_lanes, served;
    uint32_t own[FRAME_LANES_MAX]; /* the slot that this side works on */
};

static size_t bytes_for(unsigned n_lanes)
{
    return HEAD_BYTES + (size_t)n_lanes * SLOTS * FRAME_BYTES_MAX;
}

static uint8_t *bytes_of(struct frame_box *box, unsigned lane, uint32_t slot)
{
    return (uint8_t *)box->shared + HEAD_BYTES + (lane * SLOTS + slot) * FRAME_BYTES_MAX;
}

/* Takes `fd` over. */
static int map(int fd, unsigned n_lanes, uint32_t own, struct frame_box **ret_box)
{
    struct frame_box *box = calloc(1, sizeof(*box));
    void *memory;

    if (!box) {
        close(fd);
        return -ENOMEM;
    }
    memory =
        mmap(NULL, bytes_for(n_lanes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (memory == MAP_FAILED) {
        int r = -errno;

        close(fd);
        free(box);
        return r;
    }
    *box = (struct frame_box){.fd = fd, .shared = memory, .n_lanes = n_lanes};
    for (unsigned lane = 0; lane < n_lanes; lane++)
        box->own[lane] = own;
    *ret_box = box;
    return 0;
}

int frame_box_new(unsigned n_lanes, struct frame_box **ret_box)
{
    int r, fd;

    if (n_lanes < 1 || n_lanes > FRAME_LANES_MAX)
        return -EINVAL;
    fd = memfd_create("pickup-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    /* Sealed, so that the reader cannot take the memory away under the writer. */
    if (ftruncate(fd, (off_t)bytes_for(n_lanes)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    r = map(fd, n_lanes, 0, ret_box);
    for (unsigned lane = 0; lane < n_lanes && r == 0; lane++)
        atomic_store(&(*ret_box)->shared->lanes[lane].waiting, 1);
    return r;
}

int frame_box_open(int fd, struct frame_box **ret_box)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    for (unsigned n_lanes = 1; n_lanes <= FRAME_LANES_MAX; n_lanes++)
        if (st.st_size == (off_t)bytes_for(n_lanes))
            return map(fd, n_lanes, 2, ret_box);
    return -EINVAL;
}

struct frame_box *frame_box_free(struct frame_box *box)
{
    if (!box)
        return NULL;
    munmap(box->shared, bytes_for(box->n_lanes));
    close(box->fd);
    free(box);
    return NULL;
}

int frame_box_fd(const struct frame_box *box)
{
    return box->fd;
}

size_t frame_box_bytes(const struct frame_box *box)
{
    return bytes_for(box->n_lanes);
}

int frame_box_at_work(const struct frame_box *box)
{
    uint32_t at_work = atomic_load(&box->shared->at_work);

    return at_work > box->n_lanes ? -1 : (int)at_work - 1;
}

int frame_box_put(struct frame_box *box, unsigned lane, const struct frame *frame, uint64_t number,
                  enum frame_wish wish)
{
    uint32_t before, own;
    struct lane *to;

    if (lane >= box->n_lanes)
        return -EINVAL;
    if (frame->n_bytes > FRAME_BYTES_MAX)
        return -EMSGSIZE;
    to = &box->shared->lanes[lane];
    own = box->own[lane];
    memcpy(bytes_of(box, lane, own), frame->data, frame->n_bytes);
    to->slots[own] = (struct slot){.frame = *frame, .number = number, .wish = (uint32_t)wish};
    before = atomic_exchange(&to->waiting, own | FRESH) & ~FRESH;
    if (before >= SLOTS || before == own)
        return -EBADMSG;
    box->own[lane] = before;
    return 0;
}

static void take_lane(struct frame_box *box, unsigned lane, struct frame_taken *ret_taken)
{
    struct lane *from = &box->shared->lanes[lane];
    const struct slot *slot;

    box->own[lane] = atomic_exchange(&from->waiting, box->own[lane]) & ~FRESH;
    slot = &from->slots[box->own[lane]];
    *ret_taken = (struct frame_taken){.lane = lane,
                                      .number = slot->number,
                                      .wish = (enum frame_wish)slot->wish,
                                      .frame = slot->frame};
    ret_taken->frame.data = bytes_of(box, lane, box->own[lane]);
}

bool frame_box_take(struct frame_box *box, struct frame_taken *ret_taken)
{
    atomic_store(&box->shared->at_work, 0);
    for (unsigned i = 1; i <= box->n_lanes; i++) {
        unsigned lane = (box->served + i) % box->n_lanes;

        if (!(atomic_load(&box->shared->lanes[lane].waiting) & FRESH))
            continue;
        box->served = lane;
        atomic_store(&box->shared->at_work, lane + 1);
        take_lane(box, lane, ret_taken);
        return true;
    }
    return false;
}
