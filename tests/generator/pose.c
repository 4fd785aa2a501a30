#include "tests/generator/pose.h"

#include <math.h>

#define FOCAL   1.1
#define DEGREES (M_PI / 180)

static void cross(const double a[3], const double b[3], double ret[3])
{
    ret[0] = a[1] * b[2] - a[2] * b[1];
    ret[1] = a[2] * b[0] - a[0] * b[2];
    ret[2] = a[0] * b[1] - a[1] * b[0];
}

/* A ray through a pixel meets the plane where a * right + b * down + middle = t * ray; by Cramer's
 * rule each of a and b is a quotient of two functions that are linear in the pixel. */
static void solve(struct homography *h)
{
    double a[3], b[3], d[3];

    cross(h->middle, h->down, a);
    cross(h->right, h->middle, b);
    cross(h->right, h->down, d);
    for (int i = 0; i < 3; i++) {
        double scale = i == 2 ? h->focal : 1;

        h->a[i] = -a[i] * scale;
        h->b[i] = -b[i] * scale;
        h->d[i] = d[i] * scale;
    }
}

/* Rodrigues: rotation by `tilt` about an axis in the picture's plane, after `turn` about the
 * camera's own. */
void pose_homography(const struct pose *pose, double width, struct homography *ret)
{
    double c = cos(pose->tilt * DEGREES), s = sin(pose->tilt * DEGREES);
    double ax = cos(pose->axis * DEGREES), ay = sin(pose->axis * DEGREES);
    double turn = pose->turn * DEGREES, focal = FOCAL * width, distance = focal / pose->module_px;
    const double plane[2][2] = {{cos(turn), sin(turn)}, {-sin(turn), cos(turn)}};

    *ret = (struct homography){
        .focal = focal,
        .middle = {pose->x / pose->module_px, pose->y / pose->module_px, distance},
    };
    for (int i = 0; i < 2; i++) {
        double x = plane[i][0], y = plane[i][1], along = (ax * x + ay * y) * (1 - c);
        double *out = i == 0 ? ret->right : ret->down;

        out[0] = x * c + ax * along;
        out[1] = y * c + ay * along;
        out[2] = s * (ax * y - ay * x);
    }
    solve(ret);
}

void homography_project(const struct homography *h, double a, double b, double *ret_x,
                        double *ret_y)
{
    double p[3];

    for (int i = 0; i < 3; i++)
        p[i] = a * h->right[i] + b * h->down[i] + h->middle[i];
    *ret_x = h->focal * p[0] / p[2];
    *ret_y = h->focal * p[1] / p[2];
}

/* The smaller singular value of the map's derivative: how short a module gets in its worst
 * direction. */
static double shortest(const struct homography *h, double a, double b)
{
    double x, y, xa, ya, xb, yb, t, det;

    homography_project(h, a, b, &x, &y);
    homography_project(h, a + 0.5, b, &xa, &ya);
    homography_project(h, a, b + 0.5, &xb, &yb);
    xa = 2 * (xa - x), ya = 2 * (ya - y), xb = 2 * (xb - x), yb = 2 * (yb - y);
    t = xa * xa + ya * ya + xb * xb + yb * yb;
    det = xa * yb - ya * xb;
    return sqrt((t - sqrt(fmax(0, t * t - 4 * det * det))) / 2);
}

double homography_least_module(const struct homography *h, int modules)
{
    double least = INFINITY, half = modules / 2.0;

    for (int i = 0; i < 4; i++)
        least = fmin(least, shortest(h, i & 1 ? half : -half, i & 2 ? half : -half));
    return least;
}
