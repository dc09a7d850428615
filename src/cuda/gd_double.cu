// Full-batch descent and factor_loss in float64.

#include "cuda/gd_launch.h"

namespace factorise::cuda {

FACTORISE_INSTANTIATE_GD(double)

}  // namespace factorise::cuda
