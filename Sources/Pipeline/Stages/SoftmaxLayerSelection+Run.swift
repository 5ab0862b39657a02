import Corpus
import Documents
import Evaluation
import Foundation
import Models
import Operations
import Reports
import Results
import Students
import TensorCore
import Transformers

extension SoftmaxLayerSelection {
  /// Where the scores stand, beside the student's artefact.
  static func scoresPath(of stage: RecipeStage, in run: RunDirectory) -> String {
    run.artefactPath(of: stage) + ".json"
  }

  /// Chooses, or takes the choice when it was made; the student has softmax in the chosen layers
  /// from then on.
  public func run(_ stage: RecipeStage, in context: StageContext) throws {
    if let path = context.run.artefact(of: stage, suffix: ".h5") {
      let artefact = try context.artefact(of: stage, at: path)
      try artefact.install(on: context.student, location: path)
      context.studentDocument = artefact.student
      context.progress.log("\(stage.id): done before, taken from \(path)")
      return
    }
    try context.stopIfAsked(in: stage.id)
    let start = context.clock()
    let result = try choose(stage, in: context)
    context.keepSoftmax(in: result.chosen)
    try context.requireTeacher()
    try DocumentFile(Self.scoresPath(of: stage, in: context.run)).replace(
      with: result.document.pretty)
    var artefact = context.artefact(of: stage)
    artefact.adapters = context.adapters
    artefact.tensors = StudentArtefact.tensors(of: context.student)
    try artefact.write(to: context.run.artefactPath(of: stage) + ".h5")
    context.progress.log("\(stage.id): \(result.sentence)")
    for note in result.notes { context.progress.log("\(stage.id): \(note)") }
    context.progress.log("\(stage.id): \(Int((context.clock() - start).rounded())) s")
    BufferPool.shared.drain()
  }

  private func choose(_ stage: RecipeStage, in context: StageContext) throws -> SelectionResult {
    let teacher = context.teacher.decoder
    let (mixers, reach, words) = try linearMixers(stage, context)
    let choice = choice(
      layers: teacher.layers.count, limit: try cacheLimit(mixers, stage, teacher))
    let scorer = LayerScorer(
      teacher, linear: mixers, probes: try probes(stage, context, reach: reach))
    let total = Int(choice.passes * Double(probeTokens))
    context.progress.begin(stage: stage.id, totalSteps: total)
    var done = 0
    let result = try choice.run(scorer, linear: words) { tokens in
      done += tokens
      // The total is an estimate: low layers take more of a pass than others.
      context.progress.update(step: min(done, max(0, total - 1)), tokens: tokens)
      try context.stopIfAsked(in: stage.id)
    }
    context.progress.end()
    return result
  }

  /// What layers are without softmax, how far they see, and the same in words.
  private func linearMixers(_ stage: RecipeStage, _ context: StageContext) throws -> (
    mixers: [any TokenMixer], reach: Int, words: String
  ) {
    let layers = context.student.layers
    let (window, sinks) = AblatedDecoders.untrainedWindow(beside: layers[0].mixer)
    switch linear {
    case .window:
      let attention = context.student.configuration.attention
      let mixer = SoftmaxWindowMixer(attention, window: window, sinks: sinks)
      return (
        layers.map { _ in mixer }, window.longest + sinks,
        AblatedDecoders.describe(window, sinks: sinks) + ", untrained"
      )
    case .student:
      if let sharing = layers.lazy.compactMap({ $0.mixer as? any SharingMixer }).first {
        throw StageMistake(
          stage: stage.id, field: "linear",
          problem: "found \"student\", but its layers share "
            + "\(sharing.sharedNames.joined(separator: " and ")), so none can be scored apart; "
            + "expected \"window\"")
      }
      let reach = (layers[0].mixer as? any HybridMixer).map { $0.window.longest + $0.sinks } ?? 0
      return (layers.map(\.mixer), reach, "the student's attention after transfer")
    }
  }

  private func probes(
    _ stage: RecipeStage, _ context: StageContext, reach: Int
  ) throws -> SelectionProbes {
    var probes = SelectionProbes()
    if weights.divergence > 0 {
      let text = SelectionText.excerpts(
        of: context.data.validation, tokens: textTokens, beyond: reach)
      if text.isEmpty {
        throw DatasetError.badData(
          "data.validation has no token to choose layers by; give text, or set text.weight of the "
            + "stage \"\(stage.id)\" to 0")
      }
      probes.add(text: text, beyond: reach)
    }
    guard weights.associative > 0 || weights.passkey > 0 else { return probes }
    guard let tokenizer = context.teacher.tokenizer else {
      throw StageMistake(
        stage: stage.id, field: "associative.weight",
        problem:
          "the teacher has no tokenizer, which recall and passkeys are made with; set it and "
          + "passkey.weight to 0")
    }
    // Other draws than those of the evaluation: what layers are chosen by is no measure of them.
    var generator = SeededGenerator(seed: context.seed, purpose: "layer-selection")
    let seed = generator.next()
    if weights.associative > 0 {
      let words = AssociativeRecall.words(
        of: tokenizer, below: context.teacher.decoder.configuration.vocabularySize)
      probes.add(
        try AssociativeRecall(candidates: words, encoder: tokenizer, seed: seed)
          .task(length: associative.length, queries: associative.queries))
    }
    if weights.passkey > 0 {
      probes.add(
        try PasskeyRetrieval(tokenizer, seed: seed)
          .task(length: passkey.length, depths: passkey.count))
    }
    return probes
  }

  /// Layers for which the bound on memories leaves room; nil without one.
  private func cacheLimit(
    _ mixers: [any TokenMixer], _ stage: RecipeStage, _ teacher: Decoder
  ) throws -> Int? {
    guard let cache else { return nil }
    let bytes = teacher.layers.map { layer in
      (
        softmax: layer.teacherMixer.memoryBytes(after: cache.length),
        linear: mixers[layer.index].memoryBytes(after: cache.length)
      )
    }
    let least = bytes.reduce(0) { $0 + $1.linear }
    let added = candidateLayers(of: bytes.count).map { bytes[$0].softmax - bytes[$0].linear }
    // Whichever are chosen have room, those that take the most too.
    var (limit, total) = (0, least)
    for layer in added.sorted(by: >) {
      total += layer
      if total > cache.bytes { break }
      limit += 1
    }
    if limit == 0 {
      throw StageMistake(
        stage: stage.id, field: "maximumCache.bytes",
        problem: "found \(cache.bytes), expected at least \(least + (added.min() ?? 0)): what one "
          + "softmax layer and the others' memories take after \(cache.length) tokens")
    }
    return limit
  }
}

/// Text that layers are chosen by.
enum SelectionText {
  /// Beginnings of documents of the data, those first that are longer than a window can see: in a
  /// shorter one every model says the same.
  ///
  /// - Parameters:
  ///   - tokens: in all, at most.
  ///   - reach: tokens that a window sees.
  static func excerpts(
    of sequences: [PackedSequence], tokens: Int, beyond reach: Int
  ) -> [EvaluationSequence] {
    let documents = sequences.flatMap { sequence in
      sequence.segments.map { sequence.tokens[$0.range] }
    }
    let ordered =
      documents.filter { $0.count > 2 * reach } + documents.filter { $0.count <= 2 * reach }
    var left = tokens
    return ordered.compactMap { document in
      let count = min(left, document.count)
      left -= count
      return count < 2 ? nil : EvaluationSequence(tokens: Array(document.prefix(count)))
    }
  }
}

extension StageContext {
  /// Gives layers of the student back to the teacher's attention; artefacts say so from now on.
  func keepSoftmax(in chosen: [Int]) {
    for index in chosen {
      student.layers[index].mixer = student.layers[index].teacherMixer
    }
    var document = studentDocument.objectValue ?? JSONObject()
    document["softmaxLayers"] = .array(chosen.map { .integer($0) })
    studentDocument = .object(document)
  }

  /// What the stage that chose layers before another has found; nil without one.
  func selection(before stage: RecipeStage) throws -> SelectionResult? {
    let selection = stages[..<stage.index].last { $0.specification is SoftmaxLayerSelection }
    return try selection.map {
      try SelectionResult(contentsOf: SoftmaxLayerSelection.scoresPath(of: $0, in: run))
    }
  }
}
