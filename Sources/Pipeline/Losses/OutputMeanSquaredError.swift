import Documents
import Operations

/// `MSE(ŷ, y)` of per-head attention outputs before the output projection, averaged over tokens,
/// heads and head dimensions (LoLCATs, arXiv 2410.10254, equation 6, as its code reduces it).
struct OutputMeanSquaredError: LayerLoss {
  static let kind = "output-mse"
  static let summary =
    "Mean squared error of per-head attention outputs, before the output projection."

  let weight: Double
  let metric = "outputMeanSquaredError"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func measure(_ layer: LayerComparison, gradientWeight: Float) -> Double {
    let (value, gradient) = meanSquaredError(
      layer.heads.value, layer.teacher.heads.value, layout: layer.teacher.pass.layout,
      weight: gradientWeight)
    // Without a weight the gradient is 0, and its way back through the attention for nothing.
    if gradientWeight != 0 { layer.seed(layer.heads, gradient) }
    return value
  }
}
