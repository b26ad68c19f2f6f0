/* bzlib.h uses FILE without including it when this is not defined elsewhere. */
#include <stdio.h>
#include <bzlib.h>
