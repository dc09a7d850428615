// One entry of exact SGD, as sass_test.py compiles it rightly and wrongly.

#include "contract/sgd.h"

template <class T, int rank, bool decay>
__global__ void one_entry(T* U, T* V, T a, T lr, T s) {
  factorise::SgdStep<T> step(0, decay);
  step.lr = lr;
  step.s = s;
  T u[rank], v[rank];
  for (int k = 0; k < rank; ++k) {
    u[k] = U[k];
    v[k] = V[k];
  }
  factorise::sgd_update(u, v, rank, a, step);
  for (int k = 0; k < rank; ++k) {
    U[k] = u[k];
    V[k] = v[k];
  }
}

template __global__ void one_entry<float, 1, false>(float*, float*, float, float, float);
template __global__ void one_entry<float, 5, true>(float*, float*, float, float, float);
template __global__ void one_entry<float, 8, false>(float*, float*, float, float, float);
template __global__ void one_entry<double, 1, false>(double*, double*, double, double, double);
template __global__ void one_entry<double, 19, true>(double*, double*, double, double, double);
