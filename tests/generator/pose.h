/* Where a phone is held: a plane in space before a pinhole camera. Pure. */
#pragma once

#include <stdbool.h>

struct pose {
    double module_px; /* side of a module in the plane's middle, if it were not tilted */
    double tilt;      /* degrees away from the camera's plane */
    double axis;      /* degrees: which way it leans */
    double turn;      /* degrees about the camera's axis */
    double x, y;      /* pixels from the middle of the picture */
};

/* From pixels (from the picture's middle) to the plane, in modules from its middle. */
struct homography {
    double a[3], b[3], d[3]; /* numerators and the denominator, of (x, y, 1) */
    /* and back */
    double right[3], down[3], middle[3], focal;
};

/* `width` of the picture decides the lens: its view is as wide as 1.1 times its distance. */
void pose_homography(const struct pose *pose, double width, struct homography *ret);
static inline void homography_meet(const struct homography *h, double x, double y, double *ret_a,
                                   double *ret_b)
{
    double d = 1 / (h->d[0] * x + h->d[1] * y + h->d[2]);

    *ret_a = (h->a[0] * x + h->a[1] * y + h->a[2]) * d;
    *ret_b = (h->b[0] * x + h->b[1] * y + h->b[2]) * d;
}
/* Where a point of the plane lies in the picture, in pixels from its middle. */
void homography_project(const struct homography *h, double a, double b, double *ret_x,
                        double *ret_y);
/* The shortest side that a module has anywhere in a code of `modules` a side, in pixels. */
double homography_least_module(const struct homography *h, int modules);
