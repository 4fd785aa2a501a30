/* pickup-decode: looks for codes in pictures. A process of its own, because zbar aborts, hangs or
 * grows on pictures that a customer can show: the kiosk replaces it and goes on (kiosk/decoder.h).
 * Given pictures as arguments it reads them and prints the texts, for engineers and tests. */
#include "common/clock.h"
#include "kiosk/decode/jpeg.h"
#include "kiosk/decode/report.h"
#include "kiosk/finder/finder.h"

#include <errno.h>
#include <fcntl.h>
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

#define MEMORY_MAX_BYTES (UINT64_C(512) * 1024 * 1024)

struct eye {
    struct jpeg *jpeg;
    struct scanner *scanner;
    struct gray gray;
    struct scanner_text texts[SCANNER_TEXTS_MAX];
};

/* Whatever a picture makes zbar do, it ends with this process. */
static int confine(void)
{
    const struct rlimit none = {0, 0};
    const struct rlimit memory = {MEMORY_MAX_BYTES, MEMORY_MAX_BYTES};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
        setrlimit(RLIMIT_FSIZE, &none) < 0)
        return -errno;
    /* A last word that goes to a file is lost; it must not end the process. */
    signal(SIGXFSZ, SIG_IGN);
    /* The sanitizer's shadow needs more address space than any limit that makes sense. */
    if (!SANITIZED && setrlimit(RLIMIT_AS, &memory) < 0)
        return -errno;
    return 0;
}

static int eye_init(struct eye *eye)
{
    int r = jpeg_new(&eye->jpeg);

    return r < 0 ? r : scanner_new(&eye->scanner);
}

static void eye_done(struct eye *eye)
{
    jpeg_free(eye->jpeg);
    scanner_free(eye->scanner);
    gray_done(&eye->gray);
}

/* How many texts the picture holds, or why it cannot be looked at. */
static int eye_read(struct eye *eye, const struct frame *frame, enum frame_wish wish)
{
    int r = frame->format == FRAME_JPEG
                ? jpeg_to_gray(eye->jpeg, frame->data, frame->n_bytes, &eye->gray)
                : pixels_to_gray(frame, &eye->gray);

    return r < 0 ? r : scanner_read(eye->scanner, &eye->gray, wish, eye->texts);
}

static int tell(const struct eye *eye, struct decode_report *report, int n)
{
    report->n_texts = n > 0 ? (uint32_t)n : 0; /* a broken picture is one without a code */
    for (uint32_t i = 0; i < report->n_texts; i++) {
        report->texts[i].n_bytes = (uint32_t)eye->texts[i].n_bytes;
        memcpy(report->texts[i].text, eye->texts[i].text, eye->texts[i].n_bytes + 1);
    }
    report->done_us = clock_boot_us();
    if (send(DECODE_SOCKET_FD, report, DECODE_REPORT_BYTES(report->n_texts), MSG_NOSIGNAL) < 0)
        return -errno;
    return 0;
}

/* Serves the kiosk until it closes its end. */
static int serve(struct eye *eye)
{
    _cleanup_(frame_box_freep) struct frame_box *box = NULL;
    struct decode_report report = {};
    struct frame frame;
    enum frame_wish wish;
    char wake;
    int r = frame_box_open(DECODE_BOX_FD, &box);

    if (r < 0)
        return r;
    for (;;) {
        ssize_t n = recv(DECODE_SOCKET_FD, &wake, sizeof(wake), 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (!frame_box_take(box, &frame, &report.number, &wish))
            continue;
        report.captured_us = frame.captured_us;
        report.start_us = clock_boot_us();
        r = tell(eye, &report, eye_read(eye, &frame, wish));
        if (r < 0)
            return r == -EPIPE ? 0 : r;
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

static int read_pictures(struct eye *eye, char **paths)
{
    int failed = 0;

    for (; *paths; paths++) {
        _cleanup_free_ uint8_t *data = NULL;
        struct frame frame = {.format = FRAME_JPEG};
        int r = read_file(*paths, &data, &frame.n_bytes);

        frame.data = data;
        if (r == 0)
            r = eye_read(eye, &frame, FRAME_WISH_LABELS);
        if (r == 0) /* there is no next frame: everything on this one */
            r = scanner_search(eye->scanner, &eye->gray, FINDER_ALL, GRID_SIZE_MAX, eye->texts);
        if (r < 0) {
            fprintf(stderr, "pickup-decode: %s: %s\n", *paths,
                    r == -EBADMSG ? "is not a JPEG picture, or broken" : strerror(-r));
            failed = r;
        }
        for (int i = 0; i < r; i++)
            printf("%s\t%s\n", *paths, eye->texts[i].text);
    }
    return failed;
}

int main(int argc, char **argv)
{
    static struct eye eye;
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
        r = eye_init(&eye);
    if (r == 0)
        r = pictures ? read_pictures(&eye, argv + 1) : serve(&eye);
    eye_done(&eye);
    if (r < 0 && !pictures)
        fprintf(stderr, "pickup-decode: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
