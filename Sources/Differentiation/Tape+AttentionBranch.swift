import Operations
import TensorCore

/// A branch of an attention layer on a tape; see `Operations.AttentionBranch`.
public struct BranchVariables {
  /// `N`, `[tokens, queryHeads * valueDim]`.
  public let numerators: Variable
  /// `D`, `[tokens, queryHeads]`.
  public let denominators: Variable
  /// `m`, `[tokens, queryHeads]`. Gradients reach it from operations that do not use the branch as
  /// what it stands for, and from no other.
  public let logScales: Variable

  /// A branch of given sums.
  public init(numerators: Variable, denominators: Variable, logScales: Variable) {
    self.numerators = numerators
    self.denominators = denominators
    self.logScales = logScales
  }

  var values: AttentionBranch {
    AttentionBranch(
      numerators: numerators.value, denominators: denominators.value, logScales: logScales.value)
  }
}

extension Tape {
  /// A branch as a constant: what decoding makes.
  public func constant(_ branch: AttentionBranch) -> BranchVariables {
    BranchVariables(
      numerators: constant(branch.numerators), denominators: constant(branch.denominators),
      logScales: constant(branch.logScales))
  }

  /// See `Operations.windowBranch`.
  public func windowBranch(
    queries: Variable, keys: Variable, values: Variable, attention: AttentionShape,
    window: AttentionWindow, sinks: Int, layout: SequenceLayout
  ) -> BranchVariables {
    let branch = Operations.windowBranch(
      queries: queries.value, keys: keys.value, values: values.value, attention: attention,
      window: window, sinks: sinks, layout: layout)
    return record(branch, of: [queries, keys, values]) { gradients in
      let found = windowBranchGradients(
        gradients, queries: queries.value, keys: keys.value, values: values.value,
        logScales: branch.logScales, attention: attention, window: window, sinks: sinks,
        layout: layout)
      return [found.queries, found.keys, found.values]
    }
  }

  /// See `Operations.featureBranch`.
  public func featureBranch(
    queryFeatures: Variable, keyFeatures: Variable, values: Variable, attention: AttentionShape,
    keys: BranchKeys, layout: SequenceLayout
  ) -> BranchVariables {
    let branch = Operations.featureBranch(
      queryFeatures: queryFeatures.value, keyFeatures: keyFeatures.value, values: values.value,
      attention: attention, keys: keys, layout: layout)
    return record(branch, of: [queryFeatures, keyFeatures, values]) { gradients in
      let found = featureBranchGradients(
        gradients, queryFeatures: queryFeatures.value, keyFeatures: keyFeatures.value,
        values: values.value, attention: attention, keys: keys, layout: layout,
        valueGradient: values.requiresGradient)
      return [found.queryFeatures, found.keyFeatures, found.values]
    }
  }

  /// What a normalised recurrent operation gives, as a branch; its log scale is 0.
  public func branch(_ output: RecurrentOutput<Variable>) -> BranchVariables {
    guard let denominators = output.denominator else {
      preconditionFailure("outputs that are not normalised have no denominators to join by")
    }
    return BranchVariables(
      numerators: output.numerator, denominators: denominators,
      logScales: constant(Tensor(zeros: denominators.value.shape)))
  }

  /// See `Operations.branchQuotient`.
  public func branchQuotient(_ branch: BranchVariables) -> Variable {
    let denominators = branch.denominators.value
    let output = Operations.branchQuotient(
      numerators: branch.numerators.value, denominators: denominators)
    return record([branch.numerators, branch.denominators], output) { gradient in
      let found = branchQuotientGradients(gradient, output: output, denominators: denominators)
      return [found.numerators, found.denominators]
    }
  }

  /// See `Operations.mergedBranches`.
  public func mergedBranches(
    window: BranchVariables, memory: BranchVariables, logRatios: Variable, units: BranchUnits
  ) -> Variable {
    let memoryValues = memory.values
    let (output, weights) = Operations.mergedBranches(
      window: window.values, memory: memoryValues, logRatios: logRatios.value, units: units)
    let inputs = [
      window.numerators, window.denominators, window.logScales, memory.numerators,
      memory.denominators, logRatios,
    ]
    return record(inputs, output) { gradient in
      let found = mergedBranchesGradients(
        gradient, memory: memoryValues, output: output, weights: weights,
        logRatios: logRatios.value, units: units)
      return [
        found.window.numerators, found.window.denominators, found.window.logScales,
        found.memory.numerators, found.memory.denominators, found.logRatios,
      ]
    }
  }

  /// See `Operations.branchLogRatio`.
  public func branchLogRatio(
    window: BranchVariables, memory: BranchVariables, logRatios: Variable, units: BranchUnits
  ) -> Variable {
    let (windowValues, memoryValues) = (window.values, memory.values)
    let ratio = Operations.branchLogRatio(
      window: windowValues, memory: memoryValues, logRatios: logRatios.value, units: units)
    let inputs = [window.denominators, window.logScales, memory.denominators, logRatios]
    return record(inputs, ratio) { gradient in
      let found = branchLogRatioGradients(
        gradient, window: windowValues, memory: memoryValues, logRatios: logRatios.value)
      return [
        found.window, units == .absolute ? nil : Tensor(zeros: gradient.shape), found.memory,
        found.logRatios,
      ]
    }
  }

  private func record(
    _ branch: AttentionBranch, of inputs: [Variable],
    backward: @escaping (AttentionBranchGradients) -> [Tensor?]
  ) -> BranchVariables {
    let shapes = (branch.numerators.shape, branch.denominators.shape)
    let variables = record(
      inputs, outputs: [branch.numerators, branch.denominators, branch.logScales]
    ) { gradients in
      backward(
        AttentionBranchGradients(
          numerators: gradients[0] ?? Tensor(zeros: shapes.0),
          denominators: gradients[1] ?? Tensor(zeros: shapes.1), logScales: gradients[2]))
    }
    return BranchVariables(
      numerators: variables[0], denominators: variables[1], logScales: variables[2])
  }
}
