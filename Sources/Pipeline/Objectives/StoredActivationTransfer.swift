import Checkpoints
import Corpus
import Differentiation
import Documents
import Foundation
import Operations
import Students
import TensorCore
import Transformers

/// Attention transfer from stored activations, a block of layers at a time: the teacher passes
/// once over the text in all, block by block, and only the weights of one block are touched while
/// it is captured and trained. That is how a model larger than memory is converted.
///
/// A block's file holds the attention input of each of its layers and the residual stream after
/// its last, `[sequences * sequenceLength, hiddenSize]`; the next block starts from the latter. The
/// residual stream is stored in 32-bit floats whatever the storage of the attention inputs, so
/// that blocks stored as float32 see bit for bit what the teacher's own pass would have shown them.
///
/// A block has its own optimizer and schedule, and its own norm to clip. With one block of all
/// layers the weights are those of the joint pass; with smaller blocks too, unless gradients are
/// clipped or the schedule or the choice of the best weights reads the validation loss, which is
/// then the block's.
struct StoredActivationTransfer {
  /// Of the stage in its recipe.
  let id: String
  let training: TrainingSpecification
  let losses: LayerLosses
  /// Whether weight decay acts on biases, norms and factors too.
  let decaysVectors: Bool
  let activations: StoredActivationsSpecification
  let context: StageContext

  func run() throws {
    let totalSteps = training.steps(on: context.data)
    // Groups may name what one block alone has, so they are held against all of them here.
    try TrainingLoop.check(
      id, training, totalSteps: totalSteps,
      context.student.parameters.filter(\.parameter.isTrainable).map(\.name))
    let sequences = StageSequences(
      context.data, steps: totalSteps, sequencesPerStep: training.sequencesPerStep)
    let blocks = blocks
    let captured = try firstBlockToCapture(blocks, totalSteps: totalSteps)
    let convertedCount = blocks.reduce(0) { $0 + $1.targets.count }
    for (index, block) in blocks.enumerated() {
      let previous = index == 0 ? nil : blocks[index - 1].path
      if index >= captured, !FileManager.default.fileExists(atPath: block.path) {
        try capture(block, sequences, after: previous)
      }
      let next = index + 1 < blocks.count ? blocks[index + 1].layers : []
      context.teacher.decoder.exchangeWeights(of: [], for: next)
      if !block.targets.isEmpty {
        try train(block, sequences, convertedCount: convertedCount)
      }
      context.teacher.decoder.exchangeWeights(of: block.layers, for: [])
      try remove(previous)
    }
    try remove(blocks.last?.path)
  }

  /// Up to the last layer that is converted.
  private var blocks: [ActivationBlock] {
    let converted = context.student.convertedLayers
    let layers = context.teacher.decoder.layers
    guard let last = converted.last else { return [] }
    let size = activations.layersPerBlock
    return stride(from: 0, through: last, by: size).enumerated().map { index, start in
      let layers = Array(layers[start..<min(start + size, last + 1)])
      return ActivationBlock(
        index: index, layers: layers,
        targets: layers.map(\.index).filter(converted.contains),
        folder: "\(context.run.path)/activations/\(id)")
    }
  }

  /// A resumed run finds the files of blocks gone that are done with. What it needs is that of the
  /// first block which is not trained, from the last file before it.
  private func firstBlockToCapture(_ blocks: [ActivationBlock], totalSteps: Int) throws -> Int {
    let pending = try blocks.firstIndex {
      try !$0.targets.isEmpty && !isTrained(name(of: $0), totalSteps: totalSteps)
    }
    guard let pending else { return blocks.count }
    let existing = blocks[...pending].lastIndex {
      FileManager.default.fileExists(atPath: $0.path)
    }
    return existing.map { $0 + 1 } ?? 0
  }

  private func name(of block: ActivationBlock) -> String { "\(id)/\(block.name)" }

  private func isTrained(_ name: String, totalSteps: Int) throws -> Bool {
    let folder = try context.run.checkpointsPath(stage: name)
    guard let last = try StageCheckpoints(folder: folder, log: { _ in }).latest() else {
      return false
    }
    return last.step == totalSteps && !last.isValidationPending
  }

  private func remove(_ path: String?) throws {
    guard let path, unlink(path) != 0, errno != ENOENT else { return }
    throw DocumentFile.Failure(path: path, operation: "remove it", errorNumber: errno)
  }

  // MARK: Capture

  private func capture(
    _ block: ActivationBlock, _ sequences: StageSequences, after previous: String?
  )
    throws
  {
    let length = sequences.length
    let width = context.teacher.decoder.configuration.hiddenSize
    let rows = sequences.count * length
    let source = try previous.map {
      try HDF5File.open($0, isTrusted: true).dataset(ActivationBlock.output)
    }
    context.progress.begin(stage: "capture \(block.name)", totalSteps: sequences.count)
    try RunDirectory.createFolder(block.folder)
    try AtomicFile.publish(
      to: block.path,
      write: { path in
        let file = try HDF5File.create(path)
        let inputs = try block.layers.map {
          try file.createDataset(
            ActivationBlock.input($0.index), shape: [rows, width],
            type: activations.storage == .bfloat16 ? .bfloat16 : .float32, rowsPerChunk: length)
        }
        let output = try file.createDataset(
          ActivationBlock.output, shape: [rows, width], type: .float32, rowsPerChunk: length)
        for slot in sequences.slots {
          let batch = PackedBatch([sequences[slot]])
          let layout = batch.layout
          let pass = ForwardPass.besideStudent(layout)
          let first = pass.tape.constant(
            try source.map { try read($0, slot: slot, length: length, width: width) }
              ?? context.teacher.decoder.embed(batch.tokens, layout: layout))
          let x = try context.teacher.decoder.forEachLayer(first, pass, in: block.layers) { visit in
            // Nothing of a file that is not whole is kept.
            try context.stopIfAsked(in: id)
            try inputs[visit.layer.index - block.layers[0].index].writeRows(
              start: slot * length, visit.normed.value)
            return visit.finish(
              attention: visit.layer.teacherMixer.forward(visit.input, on: pass.tape))
          }
          try output.writeRows(start: slot * length, x.value)
          context.progress.update(step: slot + 1, tokens: length)
        }
        try file.close()
      },
      verify: { path in
        let file = try HDF5File.open(path, isTrusted: true)
        for name in block.layers.map({ ActivationBlock.input($0.index) }) + [ActivationBlock.output]
        {
          let shape = try file.shape(of: name)
          precondition(shape == [rows, width], "\(name) was written as \(shape)")
        }
      })
    context.progress.end()
  }

  private func read(_ dataset: HDF5Dataset, slot: Int, length: Int, width: Int) throws -> Tensor {
    var rows = Tensor(uninitialized: [length, width])
    try dataset.readRows(start: slot * length, count: length, into: &rows)
    return rows
  }

  // MARK: Training

  private func train(
    _ block: ActivationBlock, _ sequences: StageSequences, convertedCount: Int
  ) throws {
    let layers = block.targets
    let loop = try TrainingLoop(
      name(of: block), training, data: context.data,
      parameters: context.student.parameters.filter { entry in
        entry.parameter.isTrainable
          && layers.contains { entry.name.hasPrefix("model.layers.\($0).") }
      }, context: context, decaysVectors: decaysVectors, checksGroups: false)
    try loop.run(
      StoredLayerObjective(
        teacher: context.teacher.decoder, student: context.student, losses: losses,
        sequences: sequences, block: block, convertedCount: convertedCount,
        interruption: context.interruption, slotsAfter: { slots(after: $0, sequences) }))
  }

  /// What this process trains on after a batch; nil after validation, and at the end.
  private func slots(after batch: MicroBatch, _ sequences: StageSequences) -> [Int]? {
    guard let number = batch.number else { return nil }
    let count = training.gradientAccumulation
    var (step, micro) = number.quotientAndRemainder(dividingBy: count)
    micro += context.job.size
    if micro >= count { (step, micro) = (step + 1, context.job.rank) }
    guard step < training.steps(on: context.data) else { return nil }
    let size = training.batchSize
    let indices = context.data.trainingIndices(step: step, count: training.sequencesPerStep)
    return indices[micro * size..<(micro + 1) * size].map { sequences.slot(of: .train($0)) }
  }
}

/// The losses of a block's layers, on attention inputs that a file holds.
private final class StoredLayerObjective: Objective {
  private let teacher: Decoder
  private let student: Decoder
  private let losses: LayerLosses
  private let sequences: StageSequences
  private let block: ActivationBlock
  /// Layers of all blocks.
  private let convertedCount: Int
  /// Asked layer by layer.
  private let interruption: Interruption
  private let slotsAfter: (MicroBatch) -> [Int]?
  /// Opened with the first batch: of a block that is trained already there may be no file.
  private lazy var rows = Result {
    let file = try HDF5File.open(block.path, isTrusted: true)
    return StoredRows(
      try block.targets.map { try file.dataset(ActivationBlock.input($0)) },
      length: sequences.length)
  }

  init(
    teacher: Decoder, student: Decoder, losses: LayerLosses, sequences: StageSequences,
    block: ActivationBlock, convertedCount: Int, interruption: Interruption,
    slotsAfter: @escaping (MicroBatch) -> [Int]?
  ) {
    self.teacher = teacher
    self.student = student
    self.losses = losses
    self.sequences = sequences
    self.block = block
    self.convertedCount = convertedCount
    self.interruption = interruption
    self.slotsAfter = slotsAfter
  }

  func measure(_ batch: MicroBatch, share: Double?) throws -> [LossTerm] {
    let rows = try rows.get()
    let slots = batch.places.map(sequences.slot)
    let layerShare = share.map { $0 / Double(convertedCount) }
    let pass = ForwardPass.besideStudent(batch.sequences.layout)
    return try block.targets.enumerated().flatMap { number, index in
      try interruption.check()
      let normed = try rows.take(StoredRows.Part(dataset: number, slots: slots))
      // While this layer trains, what trains next is read.
      if number + 1 < block.targets.count {
        rows.readAhead(StoredRows.Part(dataset: number + 1, slots: slots))
      } else if let next = slotsAfter(batch) {
        rows.readAhead(StoredRows.Part(dataset: 0, slots: next))
      }
      let attention = TeacherAttention(
        teacher.layers[index], normed: pass.tape.constant(normed), pass)
      return losses.measure(student.layers[index], of: attention, share: layerShare)
    }
  }
}

/// Layers that are captured and trained together, and their file.
private struct ActivationBlock {
  static let output = "residual_stream"
  static func input(_ layer: Int) -> String { "attention_input/\(layer)" }

  let index: Int
  let layers: [DecoderLayer]
  /// Indices of those that are trained.
  let targets: [Int]
  let folder: String

  var name: String {
    let digits = String(index)
    return "block-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  var path: String { "\(folder)/\(name).h5" }
}
