/* pickup-decode: looks for codes in pictures. A process of its own, because zbar aborts, hangs or
 * grows on pictures that a customer can show: the kiosk replaces it and goes on (kiosk/decoder.h).
 * Given pictures as arguments it reads them and prints the texts, for engineers and tests. */
#include "common/clock.h"
#include "common/test-card.h"
#include "kiosk/decode/report.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Address space beside the box, and heap; a picture of 4096 by 4096 takes 16 MB several times. */
#define MEMORY_MAX_BYTES (UINT64_C(416) * 1024 * 1024)
#define HEAP_MAX_BYTES   (UINT64_C(160) * 1024 * 1024)
#define FRAMES_PER_LOOK  256

/* Whatever a picture makes zbar do, it ends with this process. */
static int confine(void)
{
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
        setrlimit(RLIMIT_FSIZE, &none) < 0)
        return -errno;
    /* A last word that goes to a file is lost; it must not end the process. */
    signal(SIGXFSZ, SIG_IGN);
    return 0;
}

static int limit_memory(size_t box_bytes)
{
    const struct rlimit memory = {MEMORY_MAX_BYTES + box_bytes, MEMORY_MAX_BYTES + box_bytes};

    /* The sanitizer's shadow needs more address space than any limit that makes sense. */
    if (!SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0)
        return -errno;
    return 0;
}

/* zbar keeps a little of everything it reads, and a heap that has grown stays grown. Between two
 * pictures nobody notices a new process. */
static bool has_grown(void)
{
    struct mallinfo2 heap = mallinfo2();

    return heap.arena + heap.hblkhd > HEAP_MAX_BYTES;
}

static int tell(struct decode_report *report)
{
    report->done_us = clock_boot_us();
    if (send(DECODE_SOCKET_FD, report, DECODE_REPORT_BYTES(report->view.n_texts), MSG_NOSIGNAL) < 0)
        return -errno;
    return 0;
}

/* Every picture that waits. */
static int look_at_all(struct eye *eye, struct frame_box *box)
{
    static struct decode_report report;
    struct frame_taken taken;
    int r = 0;

    while (r == 0 && frame_box_take(box, &taken)) {
        report.number = taken.number;
        report.lane = taken.lane;
        report.captured_us = taken.frame.captured_us;
        report.start_us = clock_boot_us();
        eye_look(eye, taken.lane, &taken.frame, taken.wish, &report.view);
        r = tell(&report);
    }
    return r;
}

/* Serves the kiosk until it closes its end, or until it is time for another process. */
static int serve(struct eye *eye)
{
    _cleanup_(frame_box_freep) struct frame_box *box = NULL;
    char wake;
    int r = frame_box_open(DECODE_BOX_FD, &box);

    if (r == 0)
        r = limit_memory(frame_box_bytes(box));
    if (r < 0)
        return r;
    for (uint64_t n_frames = 0;; n_frames++) {
        ssize_t n = recv(DECODE_SOCKET_FD, &wake, sizeof(wake), 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        r = look_at_all(eye, box);
        if (r < 0)
            return r == -EPIPE ? 0 : r;
        if (n_frames % FRAMES_PER_LOOK == 0 && has_grown())
            return DECODE_EXIT_RECYCLE;
    }
}

static int read_file(const char *path, uint8_t **ret_data, size_t *ret_n)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ uint8_t *data = NULL;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > (off_t)FRAME_BYTES_MAX)
        return -EMSGSIZE;
    data = malloc((size_t)st.st_size + 1);
    if (!data)
        return -ENOMEM;
    if (read(fd, data, (size_t)st.st_size) != st.st_size)
        return -EIO;
    *ret_data = TAKE_PTR(data);
    *ret_n = (size_t)st.st_size;
    return 0;
}

/* There is no next frame: everything on this one. */
static int read_picture(struct eye *eye, const struct frame *frame, struct eye_view *view)
{
    eye_search(eye, frame, view);
    return view->error;
}

static int read_pictures(struct eye *eye, char **paths)
{
    static struct eye_view view;
    int failed = 0;

    for (; *paths; paths++) {
        _cleanup_free_ uint8_t *data = NULL;
        struct frame frame = {.format = FRAME_JPEG};
        int r = read_file(*paths, &data, &frame.n_bytes);

        frame.data = data;
        view.n_texts = view.cards = 0;
        if (r == 0)
            r = read_picture(eye, &frame, &view);
        if (r < 0) {
            fprintf(stderr, "pickup-decode: %s: %s\n", *paths,
                    r == -EBADMSG ? "is not a JPEG picture, or broken" : strerror(-r));
            failed = r;
        }
        for (uint32_t i = 0; i < view.n_texts; i++)
            printf("%s\t%s\n", *paths, view.texts[i].text);
        for (unsigned i = 0; i < TEST_CARD_CODES; i++)
            if (view.cards & (1U << i))
                printf("%s\ttest card, %s\n", *paths, test_card[i].name);
    }
    return failed;
}

int main(int argc, char **argv)
{
    _cleanup_(eye_freep) struct eye *eye = NULL;
    bool pictures = argc > 1;
    int r;

    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("pickup-decode " PICKUP_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return puts("pickup-decode PICTURE.jpg …\n"
                    "Prints the codes in pictures: the picture's name, a tab, the text.\n"
                    "Without arguments it serves pickup-kiosk, which starts it by itself.") < 0;
    r = confine();
    if (r == 0)
        r = eye_new(&eye);
    if (r == 0 && pictures)
        r = limit_memory(0);
    if (r == 0)
        r = pictures ? read_pictures(eye, argv + 1) : serve(eye);
    if (r > 0)
        return r;
    if (r < 0 && !pictures)
        fprintf(stderr, "pickup-decode: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
