/* Executes one instruction of AVX2; where CPU or system lacks it, the signal ends the program. */
int main(void)
{
    __asm__ volatile("vpaddd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
    return 0;
}
