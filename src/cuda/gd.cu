// Full-batch descent and factor_loss in float32. A file of its own for each type: they compile side by side.

#include "cuda/gd_launch.h"

namespace factorise::cuda {

FACTORISE_INSTANTIATE_GD(float)

}  // namespace factorise::cuda
