#include "spec/symbolic/proof.hpp"
namespace mmodel::symbolic { void add_arithmetic_theorems(std::vector<Theorem>&) {} }
