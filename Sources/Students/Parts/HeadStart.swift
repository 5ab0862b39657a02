import Documents
import Foundation
import Operations
import TensorCore

extension DecayStart {
  /// For students whose heads forget as a whole.
  static func ofHeads(_ reader: DocumentReader) -> DecayStart {
    reader.choice(
      "decayStart", default: DecayStart.scheduled,
      "How fast heads forget before training; scheduled: from e^(−1/4) a token to e^(−1/256) over the "
        + "heads; calibrated: by exp(−1/d) a token in a head whose attention in the teacher looks d "
        + "tokens back on average, measured on sequences of the training data")
  }

  /// softplus⁻¹ of how fast every head forgets, `[queryHeads]`.
  func headOffsets(_ geometry: LayerGeometry) -> Tensor {
    let heads = geometry.attention.queryHeads
    // How far back the first head looks at least and the last at most, in tokens.
    let (near, far) = (4.0, 256.0)
    let measured = self == .calibrated ? geometry.replaced : nil
    let offsets = (0..<heads).map { head -> Float in
      let scheduled = near * pow(far / near, Double(head) / Double(max(1, heads - 1)))
      // So that a head which looks at its own token alone does not forget all.
      let distance = max(measured?.statistics[head].distance ?? scheduled, 0.25)
      return Float(log(expm1(1 / distance)))
    }
    return Tensor(offsets, [heads])
  }
}

extension LayerMoments {
  /// Weights `[queryHeads * headDim, hiddenSize]` of a gate that is nearly the same for every token, of a
  /// size of its own a head.
  func constantGate(_ geometry: LayerGeometry, size: (_ head: Int) -> Double) -> Tensor {
    let direction = constantDirection
    let attention = geometry.attention
    let rows = (0..<attention.queryHeads).flatMap { head -> [Float] in
      let factor = size(head)
      let row = direction.map { Float($0 * factor) }
      return (0..<attention.headDim).flatMap { _ in row }
    }
    return Tensor(rows, [attention.queryWidth, geometry.hiddenSize])
  }
}
