import Documents
import Operations

/// `KL(teacher ‖ student)` of next-token distributions at temperature 1, in nats a token, over all
/// tokens (RADLADS, arXiv 2505.03005, section 3.2).
struct TeacherDivergence: TokenLoss {
  static let kind = "kl"
  static let readsTeacher = true
  static let summary = "KL(teacher || student) of next-token distributions, in nats a token."

  let weight: Double
  let metric = "klDivergence"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func count(_ batch: TokenCounts) -> Int { batch.tokens }
  func add(_ factor: Float, to scales: inout DistillationScales) { scales.divergence += factor }
  func values(of losses: DistillationLosses) -> [Float] { losses.divergences }
}
