internal import CPrefilter
internal import Glibc

/// Tells random strings from words and identifiers.
///
/// Entropy alone cannot: `LibraryWebpageUploadUrl` has more of it than many keys. Three signs are weighed: how many
/// neighbouring letters form one of the 230 pairs that make up 90 % of English and program text, how often the
/// character class changes, and whether digits are mixed in. Measured on 18,000 words: 95 % have at least 0.71 of their
/// pairs common; of random lower-case strings the median has 0.36.
enum Randomness {
    typealias Profile = pm_profile

    /// What a value is made of.
    static func profile(_ bytes: UnsafeRawBufferPointer) -> Profile {
        // An empty buffer may have no address; nothing is read then.
        guard let base = bytes.baseAddress else { return Profile() }
        return pm_profile_of(base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// Whether the value looks random rather than written by a person.
    ///
    /// Complexity: linear in the length.
    static func looksRandom(_ bytes: UnsafeRawBufferPointer) -> Bool { looksRandom(profile(bytes)) }

    static func looksRandom(_ profile: Profile) -> Bool {
        withUnsafePointer(to: profile) { pm_looks_random($0) != 0 }
    }

    /// Shannon entropy in bits per byte; 0 for an empty value.
    static func entropy(_ bytes: UnsafeRawBufferPointer) -> Double {
        guard !bytes.isEmpty else { return 0 }
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { counts in
            counts.initialize(repeating: 0)
            for byte in bytes { counts[Int(byte)] += 1 }
            var sum = 0.0
            for count in counts where count > 0 { sum += Double(count) * log2(Double(count)) }
            let total = Double(bytes.count)
            return log2(total) - sum / total
        }
    }
}

extension pm_profile {
    var letters: UInt32 { lowers + uppers }
    var commonShare: Double { pairs == 0 ? 0 : Double(common_pairs) / Double(pairs) }
}
