import Documents
import Operations

/// `width^(-1/2) mean_t ‖y_T − y_S‖₂` of what attention adds to the residual stream (RADLADS,
/// arXiv 2505.03005, section 3.2, with the norm of its code).
struct ResidualDistance: LayerLoss {
  static let kind = "residual-l2"
  static let summary =
    "Norm of a token's difference in what attention adds to the stream, over the root of the width."

  let weight: Double
  let metric = "residualDistance"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func measure(_ layer: LayerComparison, gradientWeight: Float) -> Double {
    let (value, gradient) = rowDistance(
      layer.added.value, layer.teacher.added.value, layout: layer.teacher.pass.layout,
      weight: gradientWeight)
    if gradientWeight != 0 { layer.seed(layer.added, gradient) }
    return value
  }
}
