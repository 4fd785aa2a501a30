/* pickup-play-camera: plays sequences of the generator into a V4L2 output device, so that they come
 * out of a real capture device: v4l2loopback (write()) or vivid (memory mapping; its loop must be
 * switched on). The device's size is taken as it is set. */
#include "common/cleanup.h"
#include "kiosk/frame.h"
#include "tests/generator/sequence.h"
#include "tests/generator/shop.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 4

struct player {
    int fd;
    uint32_t width, height, stride, n_bytes;
    bool packed; /* YUYV, else GREY */
    bool mapped; /* else write() */
    struct {
        uint8_t *memory;
        size_t n_bytes;
    } buffers[BUFFERS];
    uint32_t n_buffers, used; /* handed to the driver so far, up to n_buffers */
};

struct settings {
    const char *device, *condition, *text;
    uint64_t seed;
    unsigned long frames, fps;
};

static int control(int fd, unsigned long request, void *argument)
{
    int r;

    do
        r = ioctl(fd, request, argument);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

/* GREY before YUYV, as pickup-kiosk prefers it: vivid loops only when both ends have one format. */
static int set_format(struct player *player)
{
    static const uint32_t formats[] = {V4L2_PIX_FMT_GREY, V4L2_PIX_FMT_YUYV};
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    int r = control(player->fd, VIDIOC_G_FMT, &format);

    for (size_t i = 0; i < ELEMENTSOF(formats) && r == 0; i++) {
        format.fmt.pix.pixelformat = formats[i];
        format.fmt.pix.field = V4L2_FIELD_NONE;
        format.fmt.pix.bytesperline = 0;
        r = control(player->fd, VIDIOC_S_FMT, &format);
        if (r < 0 || format.fmt.pix.pixelformat != formats[i])
            continue;
        player->packed = formats[i] == V4L2_PIX_FMT_YUYV;
        player->width = format.fmt.pix.width;
        player->height = format.fmt.pix.height;
        player->stride = format.fmt.pix.bytesperline ?: player->width * (player->packed ? 2 : 1);
        player->n_bytes = player->stride * player->height;
        return 0;
    }
    return r < 0 ? r : -ENOTSUP;
}

static int map_buffers(struct player *player)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_MMAP};
    int r = control(player->fd, VIDIOC_REQBUFS, &request);

    for (uint32_t i = 0; r == 0 && i < request.count && i < BUFFERS; i++) {
        struct v4l2_buffer buffer = {
            .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .memory = V4L2_MEMORY_MMAP, .index = i};
        void *memory;

        r = control(player->fd, VIDIOC_QUERYBUF, &buffer);
        if (r < 0)
            return r;
        memory = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, player->fd,
                      (off_t)buffer.m.offset);
        if (memory == MAP_FAILED)
            return -errno;
        player->buffers[i].memory = memory;
        player->buffers[i].n_bytes = buffer.length;
        player->n_buffers = i + 1;
    }
    return r;
}

static int player_open(struct player *player, const char *device)
{
    struct v4l2_capability capability = {};
    uint32_t can;
    int r;

    player->fd = open(device, O_RDWR | O_CLOEXEC);
    if (player->fd < 0)
        return -errno;
    r = control(player->fd, VIDIOC_QUERYCAP, &capability);
    if (r < 0)
        return r;
    can = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps
                                                         : capability.capabilities;
    /* vivid says that it can write() and then refuses; v4l2loopback likes it best. */
    player->mapped = strncmp((const char *)capability.driver, "v4l2 loopback", 13) != 0 &&
                     (can & V4L2_CAP_STREAMING);
    r = set_format(player);
    return r < 0 || !player->mapped ? r : map_buffers(player);
}

static void pack(const struct player *player, const uint8_t *gray, uint8_t *to)
{
    for (uint32_t y = 0; y < player->height; y++) {
        const uint8_t *from = gray + (size_t)y * player->width;
        uint8_t *row = to + (size_t)y * player->stride;

        if (!player->packed)
            memcpy(row, from, player->width);
        for (uint32_t x = 0; player->packed && x < player->width; x++) {
            row[2 * x] = from[x];
            row[2 * x + 1] = 128;
        }
    }
}

static int put_mapped(struct player *player, const uint8_t *gray)
{
    enum v4l2_buf_type type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    struct v4l2_buffer buffer = {.type = type, .memory = V4L2_MEMORY_MMAP};
    int r = 0;

    if (player->used < player->n_buffers)
        buffer.index = player->used;
    else
        r = control(player->fd, VIDIOC_DQBUF, &buffer);
    if (r < 0)
        return r;
    pack(player, gray, player->buffers[buffer.index].memory);
    buffer.bytesused = player->n_bytes;
    buffer.field = V4L2_FIELD_NONE;
    r = control(player->fd, VIDIOC_QBUF, &buffer);
    if (r == 0 && player->used < player->n_buffers && ++player->used == player->n_buffers)
        r = control(player->fd, VIDIOC_STREAMON, &type);
    return r;
}

static int put_written(struct player *player, const uint8_t *gray)
{
    _cleanup_free_ uint8_t *picture = malloc(player->n_bytes);

    if (!picture)
        return -ENOMEM;
    pack(player, gray, picture);
    return write(player->fd, picture, player->n_bytes) < 0 ? -errno : 0;
}

static void player_close(struct player *player)
{
    for (uint32_t i = 0; i < player->n_buffers; i++)
        munmap(player->buffers[i].memory, player->buffers[i].n_bytes);
    if (player->fd >= 0)
        close(player->fd);
}

/* ---- what is played ---- */

static int begin(const struct settings *settings, const struct player *player,
                 struct sequence **ret)
{
    const struct look look = {.pose = {.module_px = player->height / 90.0, .tilt = 10},
                              .white = 225,
                              .black = 25,
                              .noise = 3,
                              .blur = 0.6,
                              .quality = 80};

    if (settings->text)
        return sequence_of(&look, settings->text, settings->seed, (long)player->width,
                           (long)player->height, ret);
    return sequence_new(condition_find(settings->condition), settings->seed, (long)player->width,
                        (long)player->height, ret);
}

/* Without text and condition: a shop with nobody in it. */
static int paint_nobody(const struct player *player, uint8_t *gray)
{
    struct canvas canvas;
    struct dice dice = {1};

    if (canvas_init(&canvas, (long)player->width, (long)player->height) < 0)
        return -ENOMEM;
    shop_paint_negative(SHOP_IDLE, &canvas, &dice);
    canvas_finish(&canvas, 3, &dice, gray);
    canvas_done(&canvas);
    return 0;
}

static int play(const struct settings *settings, struct player *player)
{
    _cleanup_free_ uint8_t *gray = malloc((size_t)player->width * player->height);
    const struct timespec pause = {0, 1000000000L / (long)settings->fps};
    struct sequence *sequence = NULL;
    int r = gray ? 0 : -ENOMEM;

    if (r == 0 && (settings->text || settings->condition))
        r = begin(settings, player, &sequence) < 0 ? -EINVAL : 0;
    else if (r == 0)
        r = paint_nobody(player, gray);
    if (r == 0 && sequence)
        printf("%s\n", sequence_text(sequence));
    fflush(stdout);
    for (unsigned long i = 0; r == 0 && (settings->frames == 0 || i < settings->frames); i++) {
        if (sequence)
            sequence_frame(sequence, (unsigned)i, gray);
        r = player->mapped ? put_mapped(player, gray) : put_written(player, gray);
        nanosleep(&pause, NULL);
    }
    sequence_free(sequence);
    return r;
}

static const char help_text[] =
    "pickup-play-camera --device=/dev/videoN [OPTIONS]\n"
    "Plays pictures into a V4L2 output device and prints the text of the code in them.\n\n"
    "  --condition=NAME --seed=N   a sequence of tests/generator\n"
    "  --text=TEXT                 a code of any text\n"
    "  --frames=N                  so many pictures (0 = until it is ended)\n"
    "  --fps=N                     so many a second (15)\n"
    "Without a condition and a text: a shop with nobody in it.\n";

/* 1 = go on, 0 = done, negative = usage. */
static int parse(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"device", 1, NULL, 'd'}, {"condition", 1, NULL, 'c'},
        {"seed", 1, NULL, 's'},   {"text", 1, NULL, 't'},
        {"frames", 1, NULL, 'n'}, {"fps", 1, NULL, 'f'},
        {"help", 0, NULL, 'h'},   {},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'd':
            settings->device = optarg;
            break;
        case 'c':
            settings->condition = optarg;
            break;
        case 's':
            settings->seed = strtoull(optarg, NULL, 10);
            break;
        case 't':
            settings->text = optarg;
            break;
        case 'n':
            settings->frames = strtoul(optarg, NULL, 10);
            break;
        case 'f':
            settings->fps = strtoul(optarg, NULL, 10);
            break;
        default:
            fputs(help_text, stdout);
            return 0;
        }
    }
    if (!settings->device || settings->fps < 2 || settings->fps > 1000 ||
        (settings->condition && condition_find(settings->condition) == CONDITIONS))
        return -EINVAL;
    return 1;
}

int main(int argc, char **argv)
{
    struct settings settings = {.seed = 1, .fps = 15};
    struct player player = {.fd = -1};
    int r = parse(argc, argv, &settings);

    if (r <= 0) {
        if (r < 0)
            fputs("pickup-play-camera: --device is needed; see --help\n", stderr);
        return r < 0 ? 2 : 0;
    }
    r = player_open(&player, settings.device);
    if (r == 0)
        r = play(&settings, &player);
    if (r < 0)
        fprintf(stderr, "pickup-play-camera: %s: %s\n", settings.device, strerror(-r));
    player_close(&player);
    return r < 0 ? 1 : 0;
}
