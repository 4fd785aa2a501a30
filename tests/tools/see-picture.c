/* see-picture: a PNG of each step that the finder takes on one picture: `./dev see`. */
#include "kiosk/decode/jpeg.h"
#include "kiosk/decode/scanner.h"
#include "kiosk/finder/finder.h"

#include <cairo.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PICTURES_MAX 400

struct album {
    struct scanner *scanner;
    const char *folder;
    int n;
    int n_of_step[16];
};

/* Gray to the 32 bits a pixel that Cairo draws on; a mask's 1 is black. */
static cairo_surface_t *surface_of(const struct plane *plane, bool is_mask, int zoom)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, plane->width * zoom, plane->height * zoom);
    int stride = cairo_image_surface_get_stride(surface);
    uint8_t *to = cairo_image_surface_get_data(surface);

    if (!to)
        return surface;
    for (int y = 0; y < plane->height * zoom; y++)
        for (int x = 0; x < plane->width * zoom; x++) {
            uint8_t level = plane->pixels[(long)(y / zoom) * plane->width + x / zoom];
            uint32_t gray = is_mask ? (level ? 0 : 255) : level;

            gray |= gray << 8 | gray << 16;
            memcpy(to + (long)y * stride + 4L * x, &gray, sizeof(gray));
        }
    cairo_surface_mark_dirty(surface);
    return surface;
}

/* Patterns and modules are dots, a triple is the line from corner to corner to corner. */
static void draw_marks(cairo_t *cairo, const char *step, const struct point *marks, int n, int zoom)
{
    cairo_set_source_rgb(cairo, 1, 0, 0);
    cairo_set_line_width(cairo, 2);
    for (int i = 0; i < n; i++) {
        double x = (double)marks[i].x * zoom, y = (double)marks[i].y * zoom;

        if (strcmp(step, "triple") == 0) {
            cairo_line_to(cairo, x, y);
            continue;
        }
        cairo_arc(cairo, x, y, strcmp(step, "grid") == 0 ? 1 : 5, 0, 6.3);
        cairo_fill(cairo);
    }
    cairo_stroke(cairo);
}

/* A finder_show_fn. */
static void show(void *userdata, const char *step, const struct plane *picture,
                 const struct point *marks, int n_marks)
{
    struct album *album = userdata;
    int zoom = picture->width < 400 ? 3 : 1;
    cairo_surface_t *surface;
    cairo_t *cairo;
    char path[4096];

    if (album->n == PICTURES_MAX)
        return;
    snprintf(path, sizeof(path), "%s/%03d-%s.png", album->folder, album->n++, step);
    surface = surface_of(picture, strcmp(step, "mask") == 0, zoom);
    cairo = cairo_create(surface);
    draw_marks(cairo, step, marks, n_marks, zoom);
    if (cairo_surface_write_to_png(surface, path) != CAIRO_STATUS_SUCCESS)
        fprintf(stderr, "see-picture: %s cannot be written\n", path);
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
}

static int load(const char *path, struct gray *gray)
{
    _cleanup_(jpeg_freep) struct jpeg *jpeg = NULL;
    _cleanup_free_ uint8_t *data = NULL;
    FILE *file = fopen(path, "rbe");
    struct stat st;
    size_t n;

    if (!file)
        return -errno;
    if (fstat(fileno(file), &st) < 0 || !(data = malloc((size_t)st.st_size + 1))) {
        fclose(file);
        return -ENOMEM;
    }
    n = fread(data, 1, (size_t)st.st_size, file);
    fclose(file);
    return jpeg_new(&jpeg) < 0 ? -ENOMEM : jpeg_to_gray(jpeg, data, n, gray);
}

int main(int argc, char **argv)
{
    _cleanup_(scanner_freep) struct scanner *scanner = NULL;
    struct scanner_text texts[SCANNER_TEXTS_MAX];
    struct album album = {};
    struct gray gray = {};
    int r;

    if (argc != 3) {
        fputs("see-picture PICTURE.jpg FOLDER\n", stderr);
        return EXIT_FAILURE;
    }
    album.folder = argv[2];
    if (mkdir(argv[2], 0777) < 0 && errno != EEXIST) {
        fprintf(stderr, "see-picture: %s: %s\n", argv[2], strerror(errno));
        return EXIT_FAILURE;
    }
    r = load(argv[1], &gray);
    if (r == 0)
        r = scanner_new(&scanner);
    if (r < 0) {
        fprintf(stderr, "see-picture: %s: %s\n", argv[1], strerror(-r));
        return EXIT_FAILURE;
    }
    finder_set_show(scanner_finder(scanner), show, &album);
    r = scanner_search(scanner, &gray, FINDER_ALL, GRID_SIZE_MAX, texts);
    for (int i = 0; i < r; i++)
        printf("%s\n", texts[i].text);
    printf("%d pictures in %s, %ld million instructions\n", album.n, album.folder,
           finder_spent(scanner_finder(scanner)) / 1000000);
    gray_done(&gray);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
