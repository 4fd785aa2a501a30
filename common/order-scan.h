/* One document of a page. Inner part of common/page-scan.h. */
#pragma once

#include "common/page-scan.h"

/* Reads the next value as a document, and its parcels into `page`. False = the page is unusual. */
bool order_scan(struct json_scan *scan, struct page_scan *page, struct scanned_order *order);
