/* pickupctl camera: how well the kiosk's cameras see, asked of pickup-kiosk itself. */
#include "daemon/ctl/ctl.h"

#include "common/test-card.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const char *text(const json_t *camera, const char *key)
{
    const char *value = json_string_value(json_object_get(camera, key));

    return value ? value : "";
}

static double number(const json_t *camera, const char *key)
{
    return json_number_value(json_object_get(camera, key));
}

static void print_card(const json_t *camera)
{
    const json_t *cards = json_object_get(camera, "cards");
    double pictures = number(camera, "pictures");

    printf("  test card   ");
    for (size_t i = 0; i < TEST_CARD_CODES; i++)
        printf("%s%s %.0f %%", i > 0 ? ", " : "", test_card[i].name,
               pictures > 0 ? 100 * json_number_value(json_array_get(cards, i)) / pictures : 0);
    putchar('\n');
}

static void print_camera(const json_t *camera)
{
    printf("camera %.0f: %s%s%s\n", number(camera, "camera"), text(camera, "device"),
           *text(camera, "card") ? ", " : "", text(camera, "card"));
    if (!json_is_true(json_object_get(camera, "sees")))
        printf("  GIVES NO PICTURES. %s\n", text(camera, "error"));
    if (*text(camera, "format"))
        printf("  format      %s %.0fx%.0f, %.3g a second; it offers %s\n", text(camera, "format"),
               number(camera, "width"), number(camera, "height"), number(camera, "fps_set"),
               text(camera, "formats"));
    if (*text(camera, "controls"))
        printf("  controls    %s\n", text(camera, "controls"));
    printf("  since start %.0f pictures, %.0f damaged; opened %.0f times, stalled %.0f times\n",
           number(camera, "frames"), number(camera, "damaged"), number(camera, "opened"),
           number(camera, "stalled"));
    printf("  now         %.1f pictures a second of %.0fx%.0f, %.2f ms each, %.0f cut short\n",
           number(camera, "rate"), number(camera, "gray_width"), number(camera, "gray_height"),
           number(camera, "decode_ms"), number(camera, "cut_short"));
    printf("  brightness  %.0f of 255, %.1f %% white beyond telling\n",
           number(camera, "brightness"), 100 * number(camera, "clipped"));
    printf("  sharpness   %.2f (1 = edges of one pixel; turn the focus until it is highest)\n",
           number(camera, "sharpness"));
    printf("  read        %.0f of %.0f pictures held a code; it says \"%s\"\n",
           number(camera, "read"), number(camera, "pictures"), text(camera, "hint"));
    print_card(camera);
}

/* Several programs in one call, so that one look tells all. */
static int show(struct ctl *ctl)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL, *more = NULL;
    int code = ctl_call_kiosk(ctl, "GetCameras", &reply, "");
    json_t *cameras, *decoder;
    const json_t *camera;
    size_t i;

    if (code == CTL_DONE)
        code = ctl_call_kiosk(ctl, "GetDecoder", &more, "");
    if (code != CTL_DONE)
        return code;
    cameras = ctl_json(reply);
    decoder = ctl_json(more);
    if (ctl->json) {
        ctl_print_json(json_pack("{soso}", "cameras", cameras, "decoder", decoder));
        return CTL_DONE;
    }
    json_array_foreach (cameras, i, camera)
        if (ctl->camera == 0 || number(camera, "camera") == (double)ctl->camera)
            print_camera(camera);
    printf("decoder: replaced %.0f times after it died, %.0f hung, %.0f sent nonsense; "
           "%.0f times to give memory back\n",
           number(decoder, "died"), number(decoder, "hung"), number(decoder, "nonsense"),
           number(decoder, "recycled"));
    json_decref(cameras);
    json_decref(decoder);
    return CTL_DONE;
}

static int copy(int from, int to)
{
    char bytes[65536];
    ssize_t n;

    while ((n = read(from, bytes, sizeof(bytes))) > 0)
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(to, bytes + done, (size_t)(n - done));

            if (written < 0)
                return -errno;
            done += written;
        }
    return n < 0 ? -errno : fsync(to) < 0 ? -errno : 0;
}

/* People may be in it: only its owner may read it, and an older file is not replaced. */
static int save(struct ctl *ctl)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    uint32_t camera = ctl->camera > 0 ? (uint32_t)ctl->camera : 1;
    int code = ctl_call_kiosk(ctl, "TakePicture", &reply, "u", camera);
    _cleanup_close_ int to = -1;
    const char *kind;
    int from, r;

    if (code != CTL_DONE)
        return code;
    r = sd_bus_message_read(reply, "hs", &from, &kind);
    if (r >= 0) {
        to = open(ctl->save, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        r = to < 0 ? -errno : copy(from, to);
    }
    if (r < 0) {
        fprintf(stderr, "pickupctl: %s cannot be written: %s. Name another file.\n", ctl->save,
                strerror(-r));
        return CTL_REFUSED;
    }
    printf("%s: a %s picture of camera %u. Delete it when it is no longer needed.\n", ctl->save,
           strcmp(kind, "jpg") == 0 ? "JPEG" : "PGM", camera);
    return CTL_DONE;
}

int ctl_camera(struct ctl *ctl, int argc, char **argv)
{
    return ctl->save ? save(ctl) : show(ctl);
}
