// Finds every weight of a Llama-family model by its name, and checks its shape and type.
#pragma once

#include "base/result.h"
#include "model/config.h"
#include "model/model_files.h"
#include "model/tensor_table.h"

namespace penstock::model {

enum class WeightNames : unsigned char { kHuggingFace, kGguf };

// Errors name the tensor that is missing, misshapen or of a wrong type. A tensor that is left over
// is kUnsupported when it looks like part of the computation (a bias, another norm, a further
// layer), else it is logged at debug level.
[[nodiscard]] Result<ModelWeights> map_weights(const ModelConfig& config, WeightNames names,
                                               TensorTable& tensors);

}  // namespace penstock::model
