import Checkpoints
import Corpus
import Documents
import Models
import Training
import Transformers

/// What the stages of one run share.
public final class StageContext {
  /// What the run and its report are called.
  let name: String
  /// The recipe's seed, which every draw is keyed by.
  public let seed: UInt64
  /// Every stage of the run, in order.
  let stages: [RecipeStage]
  /// The recipe with every default spelled.
  let resolved: JSONValue
  /// The recipe's student as artefacts record it, with the layers that a stage chose.
  var studentDocument: JSONValue
  /// The run's folder.
  public let run: RunDirectory
  /// The model that is converted.
  public internal(set) var teacher: LoadedModel
  /// What the run began with, and the SHA-256 of its weights.
  let original: ModelSource
  let teacherDigest: String
  /// Shares the teacher's weights; its mixers and adapters are what is trained.
  public internal(set) var student: Decoder
  /// The student's, where they are not merged.
  var adapters: StudentArtefact.Adapters?
  /// The recipe's sequences.
  public let data: RecipeData
  /// The same for stages with sequences of a length of their own, read once.
  private var repacked: [Int: RecipeData] = [:]
  /// A line a step, without clock values.
  public let metrics: LineLog
  /// A line a step: seconds, tokens a second, memory.
  public let timings: LineLog
  /// The same for TensorBoard.
  public let scalars: ScalarLog
  /// Asked between steps whether the run is to save and stop.
  public let interruption: Interruption
  /// What is told while stages go.
  public var progress: ProgressReporter
  /// Seconds of a clock that never goes back.
  public let clock: () -> Double
  /// Seconds since 1970.
  let wallClock: () -> Double
  /// Machine, libraries, program.
  let environment: JSONValue
  /// Which of the job's processes this is.
  let job = JobPosition.alone
  /// What the run has to say at its end.
  var summary = ""
  var code = ExitCode.success

  init(
    name: String, seed: UInt64, stages: [RecipeStage], resolved: JSONValue, run: RunDirectory,
    teacher: LoadedModel, teacherDigest: String, student: Decoder, data: RecipeData,
    metrics: LineLog, timings: LineLog, scalars: ScalarLog, interruption: Interruption,
    progress: ProgressReporter, clock: @escaping () -> Double,
    wallClock: @escaping () -> Double, environment: JSONValue
  ) {
    self.name = name
    self.seed = seed
    self.stages = stages
    self.resolved = resolved
    studentDocument = resolved["student"] ?? .null
    self.run = run
    self.teacher = teacher
    original = teacher.source
    self.teacherDigest = teacherDigest
    self.student = student
    self.data = data
    self.metrics = metrics
    self.timings = timings
    self.scalars = scalars
    self.interruption = interruption
    self.progress = progress
    self.clock = clock
    self.wallClock = wallClock
    self.environment = environment
  }

  /// Whether the recipe replaces attention; a pretraining may keep the softmax.
  var hasStudent: Bool { resolved["student"] ?? .null != .null }

  /// The data in sequences as long as the stage wants them.
  ///
  /// - Throws: `DatasetError`.
  func data(of stage: any StageSpecification) throws -> RecipeData {
    guard let length = stage.sequenceLength else { return data }
    if let found = repacked[length] { return found }
    let found = try data.repacked(sequenceLength: length, model: teacher)
    repacked[length] = found
    return found
  }
}

extension TrainingSpecification {
  /// Optimizer steps of a stage on this data.
  func steps(on data: RecipeData) -> Int {
    length.steps(sequences: data.train.count, sequencesPerStep: sequencesPerStep)
  }
}
