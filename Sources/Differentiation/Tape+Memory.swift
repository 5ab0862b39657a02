import Operations
import TensorCore

// Operations that go on from a memory. Without one they are whole sequences from an empty past, on
// the tape; with one they are the next tokens of a sequence and give constants: no gradient goes
// back into what was read before.
extension Tape {
  /// See `Operations.softmaxAttention` and `continuedSoftmaxAttention`.
  public func softmaxAttention(
    queries: Variable, keys: Variable, values: Variable, shape: AttentionShape,
    layout: SequenceLayout, window: Int? = nil, memory: inout Memory?
  ) -> Variable {
    guard goesOn(from: memory, layout) else {
      return softmaxAttention(
        queries: queries, keys: keys, values: values, shape: shape, layout: layout,
        window: window)
    }
    return constant(
      continuedSoftmaxAttention(
        queries: queries.value, keys: keys.value, values: values.value, shape: shape,
        window: window, memory: &memory!))
  }

  /// See `Operations.hybridAttention` and `continuedHybridAttention`. `windowFactors` is nil without
  /// a window.
  public func hybridAttention(
    queries: Variable, keys: Variable, values: Variable, queryFeatures: Variable,
    keyFeatures: @escaping KeyFeatures, windowFactors: Variable?, shape: HybridAttentionShape,
    layout: SequenceLayout, memory: inout Memory?
  ) -> Variable {
    guard goesOn(from: memory, layout) else {
      return hybridAttention(
        queries: queries, keys: keys, values: values, queryFeatures: queryFeatures,
        keyFeatures: keyFeatures(keys, layout.positions), windowFactors: windowFactors,
        shape: shape, layout: layout)
    }
    return constant(
      continuedHybridAttention(
        queries: queries.value, keys: keys.value, values: values.value,
        queryFeatures: queryFeatures.value, keyFeatures: map(keyFeatures),
        windowFactors: windowFactors?.value ?? Tensor(zeros: [0]), shape: shape,
        memory: &memory!))
  }

  /// Features of keys at positions, `[count, keyValueHeads * headDim]` to
  /// `[count, queryHeads * featureDim]`; of a memory's keys they are made when a key leaves the window.
  public typealias KeyFeatures = (_ keys: Variable, _ positions: [Int32]) -> Variable

  private func map(_ features: @escaping KeyFeatures) -> KeyFeatureMap {
    { features(self.constant($0), $1).value }
  }

  /// See `Operations.windowBranch`, of whole sequences and of a memory.
  public func windowBranch(
    queries: Variable, keys: Variable, values: Variable, attention: AttentionShape,
    window: AttentionWindow, sinks: Int, layout: SequenceLayout, memory: inout Memory?,
    prefix: String
  ) -> BranchVariables {
    guard goesOn(from: memory, layout) else {
      return windowBranch(
        queries: queries, keys: keys, values: values, attention: attention, window: window,
        sinks: sinks, layout: layout)
    }
    return constant(
      Operations.windowBranch(
        queries: queries.value, keys: keys.value, values: values.value, attention: attention,
        window: window, sinks: sinks, memory: &memory!, prefix: prefix))
  }

  /// See `Operations.featureBranch`, of whole sequences and of a memory.
  public func featureBranch(
    queryFeatures: Variable, keys: Variable, keyFeatures: @escaping KeyFeatures,
    values: Variable, attention: AttentionShape, source: BranchKeys, layout: SequenceLayout,
    memory: inout Memory?, prefix: String
  ) -> BranchVariables {
    guard goesOn(from: memory, layout) else {
      return featureBranch(
        queryFeatures: queryFeatures, keyFeatures: keyFeatures(keys, layout.positions),
        values: values, attention: attention, keys: source, layout: layout)
    }
    return constant(
      Operations.featureBranch(
        queryFeatures: queryFeatures.value, keys: keys.value, keyFeatures: map(keyFeatures),
        values: values.value, attention: attention, source: source, memory: &memory!,
        prefix: prefix))
  }

  /// See `Operations.windowAndFeatureBranches`.
  public func windowAndFeatureBranches(
    queries: Variable, keys: Variable, values: Variable, queryFeatures: Variable,
    keyFeatures: @escaping KeyFeatures, attention: AttentionShape, window: AttentionWindow,
    sinks: Int, layout: SequenceLayout, memory: inout Memory?, prefix: String
  ) -> (window: BranchVariables, features: BranchVariables) {
    guard goesOn(from: memory, layout) else {
      return (
        windowBranch(
          queries: queries, keys: keys, values: values, attention: attention, window: window,
          sinks: sinks, layout: layout),
        featureBranch(
          queryFeatures: queryFeatures, keyFeatures: keyFeatures(keys, layout.positions),
          values: values, attention: attention, keys: .older(window, sinks: sinks),
          layout: layout)
      )
    }
    let branches = Operations.windowAndFeatureBranches(
      queries: queries.value, keys: keys.value, values: values.value,
      queryFeatures: queryFeatures.value, keyFeatures: map(keyFeatures), attention: attention,
      window: window, sinks: sinks, memory: &memory!, prefix: prefix)
    return (constant(branches.window), constant(branches.features))
  }

  /// See `Operations.delayedRows`; the memory holds the last `delay` rows under `name`.
  public func delayRows(
    _ x: Variable, by delay: Int, skipping skipped: Int, layout: SequenceLayout,
    memory: inout Memory?, _ name: String
  ) -> Variable {
    guard goesOn(from: memory, layout) else {
      return delayRows(x, by: delay, skipping: skipped, layout: layout)
    }
    let before = memory![name]
    memory![name] = lastRows(before, then: x.value)
    return delayRows(
      x, by: delay, skipping: skipped, layout: layout, before: before,
      position: memory!.position)
  }

  /// See `Operations.gatedLinearAttention`, without denominators; the state goes on from that of
  /// `Memory.addRecurrence`.
  public func gatedLinearAttention(
    queries: Variable, keys: Variable, values: Variable, decay: RecurrentDecay<Variable>,
    shape: RecurrentShape, layout: SequenceLayout, memory: inout Memory?
  ) -> Variable {
    recurrence(layout, memory: &memory) { initial in
      gatedLinearAttention(
        queries: queries, keys: keys, values: values, decay: decay, shape: shape, layout: layout,
        initial: initial)
    }
  }

  /// See `Operations.deltaRule`; the state goes on from that of `Memory.addRecurrence`.
  public func deltaRule(
    queries: Variable, keys: Variable, values: Variable, removals: Variable, writes: Variable,
    decay: RecurrentDecay<Variable>, shape: RecurrentShape, layout: SequenceLayout,
    memory: inout Memory?
  ) -> Variable {
    recurrence(layout, memory: &memory) { initial in
      deltaRule(
        queries: queries, keys: keys, values: values, removals: removals, writes: writes,
        decay: decay, shape: shape, layout: layout, initial: initial)
    }
  }

  private func recurrence(
    _ layout: SequenceLayout, memory: inout Memory?,
    _ operation: (_ initial: RecurrentState<Variable>?) -> RecurrentOutput<Variable>
  ) -> Variable {
    guard goesOn(from: memory, layout), layout.rows > 0 else { return operation(nil).numerator }
    let output = operation(memory!.recurrence.map(constant))
    memory!.recurrence = output.final.map(\.value)
    return output.numerator
  }

  /// See `Operations.tokenShiftDifference`; the memory holds the last token's `x`, `[1, width]`,
  /// under `name`.
  public func tokenShiftDifference(
    _ x: Variable, layout: SequenceLayout, memory: inout Memory?, _ name: String
  ) -> Variable {
    guard goesOn(from: memory, layout) else { return tokenShiftDifference(x, layout: layout) }
    let difference = tokenShiftDifference(x, layout: layout, before: memory![name])
    if layout.rows > 0 {
      memory![name] = copiedRows(x.value, layout.rows - 1..<layout.rows)
    }
    return difference
  }

  /// Whether there is a memory, and the layout says what it goes on with.
  func goesOn(from memory: Memory?, _ layout: SequenceLayout) -> Bool {
    guard let memory else { return false }
    precondition(!isRecording, "a tape that records has no past to go on from")
    // How long the whole sequence will be is the layout's to say.
    let isNext =
      layout.segments.count == 1 && layout.segments[0].start == 0
      && layout.segments[0].count == layout.rows
      && layout.segments[0].firstPosition == memory.position
    precondition(
      layout.rows == 0 || isNext,
      "\(layout.segments), expected the \(layout.rows) rows behind \(memory.position) tokens")
    return true
  }
}
