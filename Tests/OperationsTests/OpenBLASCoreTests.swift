import Testing

@testable import Operations

@Suite struct OpenBLASCoreTests {
  private static let avx = "fpu sse4_2 avx"
  private static let avx2 = avx + " fma avx2"
  private static let avx512 = avx2 + " avx512f avx512dq avx512bw avx512vl"

  private func betterCore(than core: String, requested: String? = nil, flags: String) -> String? {
    OpenBLASInformation.betterCore(
      than: core, requested: requested,
      processorText: """
        processor\t: 0
        model name\t: some processor with avx avx2 fma
        flags\t\t: \(flags)
        bugs\t\t: spectre_v1
        """)
  }

  @Test func `This process has the best kernels of its processor, or those that were asked for`() {
    #expect(OpenBLASInformation.betterCore == nil)
  }

  @Test(arguments: [
    "Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Opteron", "Barcelona", "Sandybridge",
    "Bulldozer", "Haswell", "Zen", "Excavator",
  ])
  func `Kernels without AVX-512 are replaced where the processor has it`(core: String) {
    #expect(betterCore(than: core, flags: Self.avx512) == "SkylakeX")
  }

  @Test(arguments: ["Prescott", "Nehalem", "Sandybridge", "Piledriver"])
  func `Kernels without AVX2 are replaced where the processor has it`(core: String) {
    #expect(betterCore(than: core, flags: Self.avx2) == "Haswell")
  }

  @Test(arguments: ["Prescott", "Nehalem"])
  func `Kernels without AVX are replaced where the processor has it`(core: String) {
    #expect(betterCore(than: core, flags: Self.avx) == "Sandybridge")
  }

  @Test(arguments: [
    ("SkylakeX", avx512), ("Cooperlake", avx512), ("SapphireRapids", avx512),
    ("Haswell", avx2), ("Zen", avx2), ("Excavator", avx2), ("Bulldozer", avx),
    ("Nehalem", "fpu sse4_2"), ("Prescott", ""),
  ])
  func `Kernels that use all that the processor has are left alone`(core: String, flags: String) {
    #expect(betterCore(than: core, flags: flags) == nil)
  }

  @Test func `A choice of the user is left alone, and an empty one is none`() {
    #expect(betterCore(than: "Haswell", requested: "Haswell", flags: Self.avx512) == nil)
    #expect(betterCore(than: "Prescott", requested: "Prescott", flags: Self.avx512) == nil)
    #expect(betterCore(than: "Prescott", requested: "", flags: Self.avx512) == "SkylakeX")
  }

  @Test func `The kernels of this process multiply rightly`() {
    #expect(OpenBLASInformation.productsAreRight)
  }

  @Test func `Kernels that computed wrongly are passed over for the next best`() {
    let better = { (wrong: String) in
      OpenBLASInformation.betterCore(
        than: "Prescott", requested: nil, avoiding: wrong, processorText: "flags\t: \(Self.avx512)")
    }
    #expect(better("SkylakeX") == "Haswell")
    #expect(better("SkylakeX Haswell") == "Sandybridge")
    #expect(better("SkylakeX Haswell Sandybridge") == nil)
  }

  @Test func `Kernels newer than this program are left alone`() {
    #expect(betterCore(than: "GraniteRapids", flags: Self.avx512) == nil)
  }

  @Test(arguments: ["avx512f", "avx512dq", "avx512bw", "avx512vl"])
  func `AVX-512 counts only where all of it is there`(missing: String) {
    let flags = Self.avx512.replacing(" " + missing, with: "")
    #expect(betterCore(than: "Prescott", flags: flags) == "Haswell")
  }

  @Test(arguments: ["", "Features\t: fp asimd", "flags", "flags\t\t:"])
  func `A processor of which nothing is known is left alone`(text: String) {
    #expect(
      OpenBLASInformation.betterCore(than: "Prescott", requested: nil, processorText: text) == nil)
  }
}
