import TensorCore

// Parts of a block as most families' checkpoints spell them.
extension WeightSource {
  /// Whether a projection has a bias.
  enum Bias {
    case none
    /// A model without it would run, and be another one.
    case required
    /// Where the checkpoint has one.
    case found
  }

  /// `NAME.weight`, `[outputs, inputs]`, and `NAME.bias`.
  func projection(_ name: String, _ outputs: Int, _ inputs: Int, bias: Bias = .none) -> Projection {
    Projection(
      stored("\(name).weight", [outputs, inputs]),
      bias: self.bias("\(name).bias", outputs, bias))
  }

  /// Equal or unequal shares of the rows of one projection, from its first row on.
  func fusedProjections(_ name: String, rows: [Int], inputs: Int, bias: Bias = .none)
    -> [Projection]
  {
    let outputs = rows.reduce(0, +)
    let weight = stored("\(name).weight", [outputs, inputs])
    let bias = self.bias("\(name).bias", outputs, bias)
    var start = 0
    return rows.map { count in
      let first = start
      start += count
      let rows = first..<start
      return fusedPart(weight, bias, rows: rows.map { Int32($0) })
    }
  }

  private func bias(_ name: String, _ outputs: Int, _ bias: Bias) -> Weight? {
    switch bias {
    case .none: nil
    case .required: dense(name, [outputs])
    case .found: optionalDense(name, [outputs])
    }
  }

  /// `TENSOR.weight`, and `TENSOR.bias` of a layer norm.
  ///
  /// - Parameter name: what the model calls it; see `Norm`.
  func norm(_ tensor: String, _ width: Int, _ kind: Norm.Kind, as name: String) -> Norm {
    let weight = dense("\(tensor).weight", [width])
    switch kind {
    case .rms(_, let offset):
      neutralNorms["\(tensor).weight"] = 1 - offset
      return Norm(name: name, kind: kind, weight: weight)
    case .layer:
      neutralNorms["\(tensor).weight"] = 1
      return Norm(name: name, kind: kind, weight: weight, bias: dense("\(tensor).bias", [width]))
    }
  }

  /// A norm that the family calls as the model does.
  ///
  /// - Parameter prefix: with its dot.
  func norm(_ prefix: String, _ name: String, _ width: Int, _ kind: Norm.Kind) -> Norm {
    norm("\(prefix)\(name)", width, kind, as: name)
  }
}

/// Some rows of a fused projection; nothing when the fused tensor was missing, and then `rows`,
/// as many as a configuration without weights may claim, are not counted out.
func fusedPart(_ weight: Weight, _ bias: Weight?, rows: @autoclosure () -> [Int32]) -> Projection {
  if weight.isMissing || bias?.isMissing == true { return Projection(weight) }
  let rows = rows()
  return Projection(weight.selectingRows(rows), bias: bias?.selectingRows(rows))
}
