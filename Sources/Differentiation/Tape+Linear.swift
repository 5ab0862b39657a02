import Operations
import TensorCore

extension Tape {
  /// `x Wᵀ (+ bias)` with frozen weights, `[outputs, inputs]`; see `frozenLinear`.
  public func linear(_ x: Variable, _ weight: StoredTensor, bias: Tensor? = nil) -> Variable {
    var output = frozenLinear(x.value, weight, rowsApart: keepsRowsApart)
    if let bias { addBias(bias, to: &output) }
    return record([x], output) { [frozenLinearInputGradient($0, weight)] }
  }

  /// `x Wᵀ` with trained weights, `[outputs, inputs]`.
  public func linear(_ x: Variable, _ weight: Variable) -> Variable {
    let output = matrixProduct(
      x.value, weight.value, rightTransposed: true, rowsApart: keepsRowsApart)
    return record([x, weight], output) { gradient in
      [
        x.requiresGradient ? matrixProduct(gradient, weight.value) : nil,
        weight.requiresGradient ? matrixProduct(gradient, x.value, leftTransposed: true) : nil,
      ]
    }
  }

  /// `x Wᵀ (+ bias)` with trained weights of a model, `[outputs, inputs]`: forward as
  /// `frozenLinear`, so that a model computes the same whether it is trained or not.
  public func projection(_ x: Variable, weight: Variable, bias: Variable?) -> Variable {
    var output = frozenLinear(x.value, StoredTensor(weight.value))
    if let bias { addBias(bias.value, to: &output) }
    let outputs = output.shape[1]
    return record([x, weight] + (bias.map { [$0] } ?? []), output) { gradient in
      [
        x.requiresGradient ? matrixProduct(gradient, weight.value) : nil,
        weight.requiresGradient ? matrixProduct(gradient, x.value, leftTransposed: true) : nil,
      ] + (bias.map { [$0.requiresGradient ? columnSums(gradient, width: outputs) : nil] } ?? [])
    }
  }

  /// `bias`, `[width]`, added to every row of `x`.
  public func add(_ x: Variable, bias: Variable) -> Variable {
    var output = x.value
    addBias(bias.value, to: &output)
    return record([x, bias], output) { gradient in
      [
        gradient,
        bias.requiresGradient
          ? columnSums(gradient, width: bias.value.count).reshaped(bias.value.shape) : nil,
      ]
    }
  }

  /// `x W` with a trained matrix as RWKV's code keeps its low-rank ones, `[inputs, outputs]`.
  public func multiply(_ x: Variable, matrix: Variable) -> Variable {
    record([x, matrix], matrixProduct(x.value, matrix.value)) { gradient in
      [
        x.requiresGradient
          ? matrixProduct(gradient, matrix.value, rightTransposed: true) : nil,
        matrix.requiresGradient ? matrixProduct(x.value, gradient, leftTransposed: true) : nil,
      ]
    }
  }

  /// See `Operations.groupProduct`.
  public func groupProduct(_ x: Variable, _ matrices: Variable, group: Int) -> Variable {
    record([x, matrices], Operations.groupProduct(x.value, matrices.value, group: group)) {
      let gradients = groupProductGradients(
        $0, x: x.value, matrices: matrices.value, group: group)
      return [gradients.x, gradients.matrices]
    }
  }

  /// Rows of a trained table, `[rows, width] -> [ids.count, width]`.
  public func embedding(_ ids: [Int32], table: Variable) -> Variable {
    let rows = table.value.shape[0]
    return record(
      [table], Operations.embedding(ids, table: StoredTensor(table.value))
    ) { [embeddingGradient($0, ids: ids, rows: rows)] }
  }

  /// `left + right`, of equal shapes.
  public func add(_ left: Variable, _ right: Variable) -> Variable {
    record([left, right], sum(left.value, right.value)) { [$0, $0] }
  }

  /// `left + factor * right`.
  public func add(_ left: Variable, _ factor: Float, _ right: Variable) -> Variable {
    var output = left.value
    accumulate(right.value, scaledBy: factor, into: &output)
    return record([left, right], output) { [$0, scaled($0, by: factor)] }
  }

  /// `scale * x + offset`.
  public func affine(_ x: Variable, scale: Float, offset: Float = 0) -> Variable {
    record([x], Operations.affine(x.value, scale: scale, offset: offset)) {
      [scaled($0, by: scale)]
    }
  }

  /// `x` with zeros on padding.
  public func withoutPadding(_ x: Variable, layout: SequenceLayout) -> Variable {
    if !layout.hasPadding { return x }
    return record([x], Operations.withoutPadding(x.value, layout: layout)) {
      [Operations.withoutPadding($0, layout: layout)]
    }
  }

  /// Sets elements to 0 with the given probability and scales the others so that the expectation
  /// stays; the draws come from `generator`, so that a checkpointed layer draws the same again.
  public func dropout(_ x: Variable, probability: Float, generator: SeededGenerator) -> Variable {
    if probability == 0 { return x }
    let mask = dropoutMask(x.value.shape, probability: probability, generator: generator)
    return record([x], product(x.value, mask)) { [product($0, mask)] }
  }
}
