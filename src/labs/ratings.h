#pragma once
// load_ratings with the course's file as a parameter, so that tests can put a server of their own in its place.

#include <factorise/datasets.h>

#include <string>

#include "io/download.h"

namespace factorise {

/// A file that the course publishes.
struct CourseFile {
  std::string address;
  std::string blob_id;  ///< of the content that is accepted
  DownloadLimits limits;
};

FACTORISE_INTERNAL Ratings load_ratings(const RatingsOptions& options, const CourseFile& course);

}  // namespace factorise
